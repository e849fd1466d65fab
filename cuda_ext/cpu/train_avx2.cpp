#include "cpu/adam_impl.h"
#include "cpu/loss_impl.h"

namespace splatworld {

TrainKernels avx2_train_kernels() { return {"avx2", loss_of_tile, adam_rows}; }

}  // namespace splatworld
