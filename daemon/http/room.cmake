# What this room is made of beside its .c files.
embed_yaml_as_json(room_http ${CMAKE_SOURCE_DIR}/schema/openapi.yaml)
embed(room_http ${CMAKE_SOURCE_DIR}/web/page.css)
include(${CMAKE_SOURCE_DIR}/cmake/dashboard.cmake)
embed_dashboard(room_http)
