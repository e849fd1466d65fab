// Records of files and tables in memory, in splatworld._cpu. splatworld/formats/ply_rows.py owns the arrays.
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "cpu/records.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace splatworld {
namespace {

using Tables = std::vector<std::tuple<uintptr_t, int, float>>;  // address, width, bound
using Moves = std::vector<std::array<int, 5>>;

template <uint32_t way(const Layout&, int64_t, float*)>
uint32_t moved(uintptr_t records, int64_t rows, int width, const Tables& asked, const Moves& how) {
  std::vector<Table> tables;
  std::vector<Move> moves;
  for (const auto& [address, numbers, bound] : asked)
    tables.push_back({reinterpret_cast<float*>(address), numbers, bound});
  for (const auto& m : how) moves.push_back({m[0], m[1], m[2], m[3], m[4]});
  const Layout layout{width, tables.data(), int(tables.size()), moves.data(), int(moves.size())};
  if (!sound(layout)) throw nb::value_error("a move leaves its record or table");
  nb::gil_scoped_release unlocked;
  return way(layout, rows, reinterpret_cast<float*>(records));
}

uint32_t spread_of(const Layout& layout, int64_t rows, float* records) { return spread(layout, rows, records); }

}  // namespace

void bind_records_cpu(nb::module_& m) {
  m.def("spread", &moved<spread_of>, "records"_a, "rows"_a, "width"_a, "tables"_a, "moves"_a,
        "Numbers of records to tables: addresses; (address, width, bound) of tables; (table, column, place, count, "
        "channels) of moves. Returns a bit for every table with numbers beyond its bound.");
  m.def("gather", &moved<gather>, "records"_a, "rows"_a, "width"_a, "tables"_a, "moves"_a, "The way back.");
}

}  // namespace splatworld
