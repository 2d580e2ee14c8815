/* What the files of the SQLite engine share. */
#ifndef WN_STORE_CATALOG_SQLITE_INT_H
#define WN_STORE_CATALOG_SQLITE_INT_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/catalog_int.h"

/* Gives people the meaning of SQLite's last error; its own text goes to the log. "doing" fits
 * behind "could not". */
WN_MUST_USE wn_rc wn_sqlite_fail(sqlite3 *db, struct wn_why *why, const char *doing);
WN_MUST_USE wn_rc wn_sqlite_run(sqlite3 *db, const char *sql, const char *doing,
                                struct wn_why *why);

/* Brings the schema up to date, one transaction for all that is missing; *version is what it is
 * then. Refuses a newer one (NEWER) by number. */
WN_MUST_USE wn_rc wn_sqlite_migrate(sqlite3 *db, int *version, struct wn_why *why);

#endif
