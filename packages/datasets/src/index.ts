export {
  type Batch,
  type BatchOptions,
  batchExamples,
  type PaddingOptions,
  padBatch,
} from './batches/batch.ts';
export { responsePositions } from './batches/response-positions.ts';
export { rowPositions } from './batches/row-positions.ts';
export {
  type CheckedExample,
  checkedExample,
  type DataCheck,
  type Finding,
  type SpokenText,
} from './check/data-check.ts';
export { createDataChecker, type DataChecker, type DataCheckerOptions } from './check/data-checker.ts';
export type { CheckReport, DataReport, PlacedFinding } from './check/data-report.ts';
export type { DistributionSummary, HistogramBar } from './check/distribution.ts';
export { type DuplicatesOptions, duplicatesCheck } from './check/duplicates.ts';
export { invisibleCharactersCheck } from './check/invisible-characters.ts';
export { defaultRefusalWords, isRefusal } from './check/refusals.ts';
export { secretsCheck } from './check/secrets.ts';
export {
  ChatExampleError,
  ChatTemplateError,
  DatasetFileError,
  DatasetFormatError,
  DatasetOptionError,
  EmptyDatasetError,
  ExampleTooLongError,
  NoSupervisedTokensError,
  PoolExhaustedError,
  TokenOutOfVocabularyError,
} from './errors.ts';
export { type ChatExample, parseChatExample, rowOfExample, withTag } from './example/example.ts';
export { type ChatMessage, chatRoles, messageText, type TextPart, type ToolCall } from './example/message.ts';
export { formatNames } from './formats/formats.ts';
export { writeChatJsonl } from './formats/write-chat-jsonl.ts';
export type { JsonObject } from './json.ts';
export { type HiddenPart, hiddenParts } from './masks/hidden-parts.ts';
export {
  type Supervision,
  supervisions,
  type TokenCache,
  type TokenizedExample,
  type TokenizeOptions,
  type TokenizeStreamOptions,
  tokenizeChat,
  tokenizeChats,
} from './masks/response-mask.ts';
export type { MaskRule, ResponseSpan } from './masks/response-span.ts';
export { nearestName, unknownOption } from './nearest-name.ts';
export type { ExampleOrigin } from './origin.ts';
export { type ExplainedChat, explainChat } from './preview/explain-chat.ts';
export { type PreviewedExample, type PreviewedToken, previewExamples } from './preview/previewed-example.ts';
export { type TokenText, tokenTexts } from './preview/token-texts.ts';
export { type VisiblePiece, visiblePieces } from './preview/visible-text.ts';
export type { PairColumns } from './shapes/pairs.ts';
export { type ShapeChoice, shapeNames } from './shapes/shapes.ts';
export type { DatasetResolver } from './source/locate.ts';
export {
  type Dataset,
  type DatasetFile,
  type DatasetSource,
  loadDataset,
  type OpenDatasetOptions,
  openDataset,
} from './source/open-dataset.ts';
export type { FileReport } from './source/read-examples.ts';
export { withEpochsOf } from './streams/epochs.ts';
export { type InterleaveOptions, interleave, type PoolExhaustion } from './streams/mix.ts';
export { type RepeatOptions, repeatEpochs, shuffle } from './streams/order.ts';
export { collect, type Source, skip } from './streams/stream.ts';
export {
  type RepeatStreamOptions,
  repeatStream,
  type ShuffleStreamOptions,
  shuffleStream,
} from './streams/stream-order.ts';
export {
  countCopies,
  splitStream,
  splitValidation,
  type ValidationSplit,
  type ValidationSplitOptions,
} from './streams/validation-split.ts';
export type { ChatRenderOptions, ChatTokenizer, MarkedChat } from './tokenizer.ts';
