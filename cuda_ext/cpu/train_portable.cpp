#include "cpu/adam_impl.h"
#include "cpu/loss_impl.h"

namespace splatworld {

TrainKernels portable_train_kernels() { return {"portable", loss_of_tile, adam_rows}; }

}  // namespace splatworld
