// Records of float32, as files hold splats, and tables, as memory holds them: rows of one kind of value each.
#pragma once

#include <cstdint>

namespace splatworld {

struct Table {
  float* values;
  int width;    // numbers in a row
  float bound;  // rows with a number beyond +-bound, or with none at all, are told
};

// `count` numbers that stand together in a record, from `column` on, and in a row of a table, from `place` on. With
// three channels they are three runs in the record, one after the other, whose numbers take turns in the table.
// Columns of the table kNowhere are passed over, and gathered as 0.
constexpr int kNowhere = -1;
struct Move {
  int table, column, place, count, channels;
};

struct Layout {
  int width;  // numbers in a record
  const Table* tables;
  int table_count;
  const Move* moves;
  int move_count;
};

// True if all moves stay within their records and tables, of which there are at most 32.
bool sound(const Layout& layout);

// Both touch every number once, in pieces that stay in the first cache, and return a bit for every table that holds
// numbers beyond its bound. Any address of a float will do.
uint32_t spread(const Layout& layout, int64_t rows, const float* records);
uint32_t gather(const Layout& layout, int64_t rows, float* records);  // columns that no move names stay

}  // namespace splatworld
