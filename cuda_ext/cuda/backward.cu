#include "cuda/backward.h"

#include "cuda/pieces.h"

namespace splatworld {

BackwardScratch backward_scratch(const Frame& frame, bool deterministic, bool features, void* block, size_t* bytes) {
  Pieces pieces(block);
  BackwardScratch out{};
  const size_t pairs = frame.pair_capacity, visible = frame.visible_capacity;
  out.items = pieces.take<uint2>(size_t(tiles_of(frame)) + pairs / kBucket);
  out.item_count = pieces.take<uint32_t>(1);
  out.grads = pieces.take<float4>(kGradQuads * visible);
  out.pose_parts = pieces.take<float>(kPoseNumbers * size_t(blocks_for(visible, kProjectThreads)));
  if (features) {
    out.feature_values = pieces.take<float4>(visible);
    out.feature_totals = pieces.take<float4>(size_t(frame.width) * size_t(frame.height));
    out.feature_checkpoints = pieces.take<float4>(pairs / kBucket * kPixels);
  }
  if (deterministic) {
    out.records = pieces.take<float4>(kGradQuads * pairs);
    out.keys = pieces.take<uint32_t>(pairs), out.sorted_keys = pieces.take<uint32_t>(pairs);
    out.numbers = pieces.take<uint32_t>(pairs), out.order = pieces.take<uint32_t>(pairs);
    out.sorting.bytes = sort_scratch<uint32_t>(frame.pair_capacity);
    out.sorting.at = pieces.take<char>(out.sorting.bytes);
  }
  *bytes = pieces.all().bytes;
  return out;
}

namespace {

// Blends the features once more, to have the pass's totals and checkpoints, and goes back.
void features_pass(Frame frame, const Gaussians& splats, int first, const float* image, const BackwardScratch& scratch,
                   float* features_grad, Stream stream) {
  frame.values = scratch.feature_values, frame.totals = scratch.feature_totals;
  frame.checkpoint_values = scratch.feature_checkpoints;
  blend_features(frame, splats.features, splats.channels, first, stream);
  const int channels = splats.channels - first < 4 ? splats.channels - first : 4;
  blend_backward(frame, {image + first, splats.channels, channels, nullptr, nullptr}, scratch, stream);
  features_backward(frame, scratch, first, splats.channels, features_grad, stream);
}

}  // namespace

void backward(const Frame& frame, const Gaussians& splats, const Camera& camera, const Settings& settings,
              const PictureGrads& picture, const BackwardScratch& scratch, const SplatGrads& out, Stream stream) {
  begin_backward(frame, scratch, stream);
  for (int first = 0; picture.features && first < splats.channels; first += 4)
    features_pass(frame, splats, first, picture.features, scratch, out.features, stream);
  if (picture.rgb || picture.depth || picture.alpha)
    blend_backward(frame, {picture.rgb, 3, 3, picture.depth, picture.alpha}, scratch, stream);
  project_backward(frame, splats, camera, settings, scratch, out, stream);
}

}  // namespace splatworld
