export { type Batch, type BatchOptions, batchExamples, type PaddingOptions, padBatch } from './batch.ts';
export { withEpochsOf } from './epochs.ts';
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
export {
  type ChatExample,
  type ChatMessage,
  chatRoles,
  parseChatExample,
  withTag,
} from './example.ts';
export { loadChatJsonl, readChatJsonl, writeChatJsonl } from './formats/jsonl.ts';
export type { LineOptions } from './formats/lines.ts';
export { type InterleaveOptions, interleave, type PoolExhaustion } from './mix.ts';
export { nearestName, unknownOption } from './nearest-name.ts';
export { type RepeatOptions, repeatEpochs, shuffle } from './order.ts';
export type { ExampleOrigin } from './origin.ts';
export {
  type TokenCache,
  type TokenizedExample,
  type TokenizeOptions,
  type TokenizeStreamOptions,
  tokenizeChat,
  tokenizeChats,
} from './response-mask.ts';
export { collect, type Source, skip } from './stream.ts';
export type { ChatTokenizer } from './tokenizer.ts';
