# schema/migrations/NNNN_*.sql into the binary: one C table, in order, without gaps.
# Included after the rooms; a changed or added file runs CMake again.
if(TARGET room_store)
  file(GLOB steps CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/schema/migrations/*.sql)
  list(SORT steps)
  set(number 0)
  set(bodies "")
  set(rows "")
  foreach(step ${steps})
    math(EXPR number "${number} + 1")
    get_filename_component(stem ${step} NAME_WE)
    if(NOT stem MATCHES "^([0-9][0-9][0-9][0-9])_[a-z0-9_]+$")
      message(FATAL_ERROR "${step}: a migration is called NNNN_words.sql")
    endif()
    set(found ${CMAKE_MATCH_1})
    string(REGEX MATCH "[0-9][0-9][0-9][0-9]$" padded "000${number}")
    if(NOT found STREQUAL padded)
      message(FATAL_ERROR "${step}: expected number ${padded}; migrations have no gaps")
    endif()
    file(READ ${step} hex HEX)
    string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
    string(APPEND bodies "static const char step_${number}[] = {\n${hex}0};\n")
    string(APPEND rows "    {\"${stem}\", step_${number}},\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${step})
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/gen/migrations.c @ONLY CONTENT
"/* Generated from schema/migrations by cmake/migrations.cmake. */
#include \"store/migrate.h\"

@bodies@
static const struct migration steps[] = {
@rows@};
const struct migrations migrations_embedded = {steps, @number@};
")
  target_sources(room_store PRIVATE ${CMAKE_BINARY_DIR}/gen/migrations.c)
endif()
