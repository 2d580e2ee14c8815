# wn_web: the built pages as an array (src/serve/web_files.h). tools/embed.mjs compresses every file
# of web/dist (and the API contract) and writes one assembler file and one C table.
set(WN_WEB_DIST "${CMAKE_SOURCE_DIR}/web/dist")
set(web_asm "${CMAKE_BINARY_DIR}/web/web_files_data.S")
set(web_c "${CMAKE_BINARY_DIR}/web/web_files_table.c")
if(WN_WEB AND EXISTS "${WN_WEB_DIST}/index.html")
  find_program(NODE node REQUIRED)
  file(GLOB_RECURSE web_dist_files CONFIGURE_DEPENDS "${WN_WEB_DIST}/*")
  add_custom_command(
    OUTPUT ${web_asm} ${web_c}
    COMMAND ${NODE} ${CMAKE_SOURCE_DIR}/tools/embed.mjs ${WN_WEB_DIST} ${CMAKE_BINARY_DIR}/web
    DEPENDS ${CMAKE_SOURCE_DIR}/tools/embed.mjs ${web_dist_files}
    COMMENT "Compressing and embedding the web application")
  add_library(wn_web STATIC ${web_asm} ${web_c})
else()
  add_library(wn_web STATIC src/serve/web_none/web_none.c)
endif()
target_link_libraries(wn_web PUBLIC wn_core)
