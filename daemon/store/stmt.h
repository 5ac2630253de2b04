/* The statements of stmts.def as enums. Room-private. */
#ifndef STORE_STMT_H
#define STORE_STMT_H

#include "store/rows.h"
#include "store/stmts.def"

#define X(sym, sql) sym,
enum write_stmt { STORE_WRITES(X) WRITE_STMT_COUNT };
enum read_stmt { STORE_READS(X) READ_STMT_COUNT };
#undef X

#endif
