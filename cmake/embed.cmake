# Files as bytes inside a program: asset_<name>, asset_<name>_end and asset_<name>_etag (the quoted
# first 16 digits of the SHA-256).

# embed(TARGET FILE): FILE may be made by another command.
function(embed target file)
  get_filename_component(name ${file} NAME)
  string(MAKE_C_IDENTIFIER ${name} id)
  set(asm ${CMAKE_BINARY_DIR}/gen/${id}.S)
  add_custom_command(OUTPUT ${asm} DEPENDS ${file} ${CMAKE_SOURCE_DIR}/cmake/embed_one.cmake
    COMMAND ${CMAKE_COMMAND} -DIN=${file} -DOUT=${asm} -DID=${id}
      -P ${CMAKE_SOURCE_DIR}/cmake/embed_one.cmake VERBATIM)
  set_source_files_properties(${asm} PROPERTIES OBJECT_DEPENDS ${file})
  target_sources(${target} PRIVATE ${asm})
endfunction()

# embed_yaml_as_json(TARGET FILE.yaml): the same document as FILE.json.
function(embed_yaml_as_json target file)
  get_filename_component(stem ${file} NAME_WE)
  set(json ${CMAKE_BINARY_DIR}/gen/${stem}.json)
  add_custom_command(OUTPUT ${json} DEPENDS ${file} ${CMAKE_SOURCE_DIR}/cmake/yaml_to_json.py
    COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/cmake/yaml_to_json.py ${file} ${json} VERBATIM)
  embed(${target} ${json})
endfunction()
