# The three kinds of target this project has. A room without sources is skipped, so a floor can
# stand empty until it is built.

set_property(GLOBAL PROPERTY CAIL_ROOMS "")
include(${CMAKE_SOURCE_DIR}/cmake/embed.cmake)
configure_file(${CMAKE_SOURCE_DIR}/cmake/version.h.in ${CMAKE_BINARY_DIR}/gen/cail_version.h @ONLY)

function(room name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/daemon/${name}/*.c)
  if(NOT sources)
    return()
  endif()
  add_library(room_${name} OBJECT ${sources})
  target_include_directories(room_${name} PUBLIC
    ${CMAKE_SOURCE_DIR}/daemon ${CMAKE_SOURCE_DIR}/schema ${CMAKE_BINARY_DIR}/gen)
  target_link_libraries(room_${name} PUBLIC ${ARGN})
  set_property(GLOBAL APPEND PROPERTY CAIL_ROOMS ${name})
  include(${CMAKE_SOURCE_DIR}/daemon/${name}/room.cmake OPTIONAL)
endfunction()

# link_rooms(TARGET rooms...): objects and the libraries they need; rooms not built are left out.
function(link_rooms target)
  foreach(name ${ARGN})
    if(TARGET room_${name})
      target_link_libraries(${target} PRIVATE room_${name})
    endif()
  endforeach()
endfunction()

function(daemon_program name)
  get_property(rooms GLOBAL PROPERTY CAIL_ROOMS)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/daemon/*.c)
  add_executable(${name} ${sources})
  link_rooms(${name} ${rooms})
  target_link_libraries(${name} PRIVATE ${ARGN} m)
endfunction()

# With musl where it is installed (Debian: musl-tools): a start costs 0.15 ms against 0.6 ms and
# more with glibc, whose start-up asks the CPU for its caches, and a hypervisor traps each question.
function(link_musl target)
  find_file(MUSL_SPECS musl-gcc.specs
    PATHS /usr/lib/${CMAKE_SYSTEM_PROCESSOR}-linux-musl NO_DEFAULT_PATH)
  if(NOT MUSL_SPECS OR NOT CMAKE_C_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  # musl has no kernel headers of its own; nothing else is taken from the system's folders.
  target_compile_options(${target} PRIVATE -specs=${MUSL_SPECS}
    "SHELL:-idirafter /usr/include" "SHELL:-idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}")
  target_link_options(${target} PRIVATE -specs=${MUSL_SPECS})
endfunction()

# A helper outlives the daemon, so it must not depend on a library that an upgrade replaces.
function(helper_program name folder)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.c)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  foreach(other ${ARGN})
    file(GLOB more CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/daemon/${other}/*.c)
    # base/digest.c needs nettle; the helpers hash nothing.
    list(FILTER more EXCLUDE REGEX "/digest\\.c$")
    target_sources(${name} PRIVATE ${more})
  endforeach()
  target_include_directories(${name} PRIVATE
    ${CMAKE_SOURCE_DIR}/daemon ${CMAKE_SOURCE_DIR}/schema ${CMAKE_BINARY_DIR}/gen)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  if(CAIL_STATIC_RUN)
    target_link_options(${name} PRIVATE -static)
    link_musl(${name})
  endif()
endfunction()

# Dynamic, as what it is for is to load the driver's library.
function(probe_program name folder)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.c)
  add_executable(${name} ${sources})
  foreach(other ${ARGN})
    file(GLOB more CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/daemon/${other}/*.c)
    list(FILTER more EXCLUDE REGEX "/digest\\.c$")
    target_sources(${name} PRIVATE ${more})
  endforeach()
  target_include_directories(${name} PRIVATE
    ${CMAKE_SOURCE_DIR}/daemon ${CMAKE_SOURCE_DIR}/schema ${CMAKE_BINARY_DIR}/gen)
  target_link_libraries(${name} PRIVATE ${CMAKE_DL_LIBS} Threads::Threads)
endfunction()

function(client_program)
  file(GLOB lib_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/client/*.c)
  file(GLOB cli_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/client/cli/*.c)
  if(NOT lib_sources OR NOT cli_sources)
    return()
  endif()
  add_library(cail_client STATIC ${lib_sources})
  set_target_properties(cail_client PROPERTIES OUTPUT_NAME cail)
  target_include_directories(cail_client PUBLIC
    ${CMAKE_SOURCE_DIR}/client/include ${CMAKE_SOURCE_DIR}/schema ${CMAKE_BINARY_DIR}/gen)
  target_link_libraries(cail_client PUBLIC PkgConfig::CURL PkgConfig::JANSSON m)
  add_executable(cail ${cli_sources})
  target_link_libraries(cail PRIVATE cail_client)
endfunction()
