# The dashboard as three embedded files. Nothing here uses the network: where `npm ci` was run in
# web/ (./lab does) the bundle is made whenever a source changes; a release brings web/dist; with
# neither the daemon has the plain pages alone.

function(embed_dashboard target)
  set(web ${CMAKE_SOURCE_DIR}/web)
  set(out ${CMAKE_BINARY_DIR}/gen/web)
  set(names index.html.gz app.js.gz app.css.gz)
  list(TRANSFORM names PREPEND ${out}/ OUTPUT_VARIABLE files)
  find_program(CAIL_NODE NAMES node nodejs)
  if(CAIL_NODE AND EXISTS ${web}/node_modules/esbuild AND EXISTS ${web}/node_modules/uplot)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${web}/src/*)
    add_custom_command(OUTPUT ${files}
      DEPENDS ${sources} ${web}/build.mjs ${web}/package-lock.json
      COMMAND ${CAIL_NODE} ${web}/build.mjs ${out} VERBATIM)
  elseif(EXISTS ${web}/dist/app.js.gz)
    foreach(name ${names})
      configure_file(${web}/dist/${name} ${out}/${name} COPYONLY)
    endforeach()
  else()
    message(STATUS "web/node_modules is not there (npm ci in web/ makes it): "
      "cail-d will have its plain pages, not the dashboard")
    foreach(name ${names})
      file(CONFIGURE OUTPUT ${out}/${name} CONTENT "")
    endforeach()
  endif()
  foreach(file ${files})
    embed(${target} ${file})
  endforeach()
endfunction()
