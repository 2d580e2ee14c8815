/* Stands in where the binary is built without the web application (WN_WEB=OFF, or npm absent). */
#include "serve/web_files.h"

const struct wn_web_file wn_web_files[1] = {{0}};
const size_t wn_n_web_files = 0;
