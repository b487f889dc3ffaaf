export {
  AtomicFile,
  type AtomicFileOptions,
  FileWriteError,
  stageFile,
  writeFileAtomically,
} from './atomic-file.ts';
export { type CheckpointOptions, checkpoint, type Recomputation } from './checkpoint.ts';
export * from './compile.ts';
export { customGradient, type ValueWithGradient } from './custom-gradient.ts';
export { type Qr, type Svd, singularValues, svd, thinQr } from './dense/decompositions.ts';
export { NonFiniteError } from './dense/errors.ts';
export { lowRankSingularValues, lowRankSvd } from './dense/low-rank.ts';
export {
  addDimensions,
  type Dimension,
  describeShape,
  elementCount,
  multiplyDimensions,
  type Shape,
} from './dimension.ts';
export { bytesPerElement, type DataType } from './dtype.ts';
export { type EagerValue, eagerGradient } from './eager-gradient.ts';
export * from './errors.ts';
export { FileReadError, type FileReadProblem } from './files/errors.ts';
export { fileDigest } from './files/file-digest.ts';
export { folderMistake } from './files/folder-kind.ts';
export { type OpenedFile, type OpenFileOptions, openRegularFile } from './files/open-file.ts';
export { printable, printableMessage, someNames } from './files/printable.ts';
export {
  type ReadSmallFileOptions,
  readSmallFile,
  readSmallJson,
  readSmallText,
} from './files/read-small-file.ts';
export {
  type Cotangent,
  type GradientOptions,
  grad,
  gradients,
  type NamedTensors,
  pullBack,
  valueAndGrad,
} from './grad.ts';
export { contiguousData, type HostArray, type HostData, hostArray } from './host-array.ts';
export { bestIntegerType, exactIntegerTypes } from './integer-products.ts';
export { keep } from './keep.ts';
export {
  type CompiledLayer,
  type CompiledLayers,
  type CompileLayersOptions,
  compileLayers,
  type LayerFunction,
} from './layered.ts';
export { estimateMemory, type GraphMemory } from './memory-estimate.ts';
export { nearestName, unknownOption } from './nearest-name.ts';
export type { GraphWriter } from './onnx/graph-writer.ts';
export { type WriteOnnxOptions, writeOnnx } from './onnx/write-onnx.ts';
export { applyOperation, applySingle } from './operation.ts';
export * from './operations/attention.ts';
export {
  type CachedAttention,
  type CachedAttentionOptions,
  cachedAttention,
  type KeysAndValues,
} from './operations/cached-attention.ts';
export { crossEntropy } from './operations/cross-entropy.ts';
export * from './operations/elementwise.ts';
export * from './operations/indexing.ts';
export {
  asTensor,
  constant,
  input,
  scalar,
  type TensorLike,
  type WeightRegion,
  weight,
} from './operations/leaf.ts';
export * from './operations/linalg.ts';
export * from './operations/nn.ts';
export { after } from './operations/order.ts';
export {
  dequantize,
  type QuantizedMatmulOptions,
  type QuantizedMatrix,
  quantizedMatmul,
} from './operations/quantized.ts';
export type { IntegerType } from './operations/quantized-lowering.ts';
export * from './operations/reduce.ts';
export * from './operations/shape.ts';
export { swiglu } from './operations/swiglu.ts';
export { currentProcess, isProcessAlive, type ProcessOwner } from './process-owner.ts';
export { type RuntimeOptions, runtimeIsLoaded } from './runtime.ts';
export { type Checkpoint, openCheckpoint } from './safetensors/checkpoint.ts';
export { contentHash } from './safetensors/content-hash.ts';
export { type Conversion, convertOnce } from './safetensors/conversion-cache.ts';
export type { ConversionProgress } from './safetensors/conversion-progress.ts';
export { defaultCacheDirectory, floatCache } from './safetensors/convert.ts';
export { decodedRows, type EncodedRegion, isEncoded, type WeightSource } from './safetensors/encoded.ts';
export * from './safetensors/errors.ts';
export { type HalfPrecision, narrow, widen } from './safetensors/half-precision.ts';
export { type QuantizedRegions, type QuantizeOptions, quantizedCache } from './safetensors/quantize.ts';
export * from './safetensors/read.ts';
export {
  type SafetensorsWriteOptions,
  type TensorStream,
  type WritableTensor,
  writeSafetensors,
  writeTensorStreams,
} from './safetensors/write.ts';
export * from './safetensors/write-sharded.ts';
export { tensorsBehind } from './substitute.ts';
export { adoptAbandonedTemporary, removeAbandonedTemporaries, temporaryPath } from './temporary-path.ts';
export { type GradientSite, type LoweringSite, type Operation, Tensor, type TraceNode } from './tensor.ts';
export type { TensorType } from './tensor-type.ts';
