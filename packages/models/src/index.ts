export type { Activation } from './blocks/activations.ts';
export type { Attend, AttentionBias } from './blocks/block-context.ts';
export { type PackedExamples, packExamples, unpackExamples } from './blocks/packing.ts';
export type { RotaryConfig } from './blocks/rotary-config.ts';
export type { AttentionContext, Backbone, BlockOptions, CausalLm, ForwardOptions } from './causal-lm.ts';
export type { ChatMessage, RenderChatOptions, TemplateArguments } from './chat-template/chat-template.ts';
export type { RenderLimits } from './chat-template/jinja/budget.ts';
export type { GeneratedSpan, RenderedTemplate } from './chat-template/jinja/render.ts';
export { checkModel } from './check-model.ts';
export type { ModelConfig, RotaryChange } from './config.ts';
export * from './errors.ts';
export { type AnswerOptions, type AnswerTokenizer, answerChats } from './generate/answer-chats.ts';
export { createGenerator, type TokenGenerator } from './generate/generate.ts';
export { type GenerationDefaults, readGenerationDefaults } from './generate/generation-defaults.ts';
export {
  type EstimateGenerationOptions,
  estimateGeneration,
  type GenerationMemory,
} from './generate/generation-memory.ts';
export type { TokenLogProbabilities } from './generate/log-probabilities.ts';
export {
  createNextTokenScorer,
  type NextTokenOptions,
  type NextTokenScorer,
} from './generate/next-tokens.ts';
export type {
  FinishReason,
  GeneratedToken,
  GenerateOptions,
  GenerationProgress,
  GeneratorOptions,
  StopTokenizer,
} from './generate/options.ts';
export { checkSamplingOptions, type SamplingOptions } from './generate/sampling.ts';
export {
  type AnswerScore,
  type AnswerScorer,
  createScorer,
  type ScoreOptions,
  type TokenAnswer,
} from './generate/score.ts';
export { type ChatAnswer, type ScoreAnswersOptions, scoreAnswers } from './generate/score-answers.ts';
export { type StreamedAnswer, streamAnswer } from './generate/stream-answer.ts';
export { withCheckpointFolder } from './gguf/read/checkpoint-folder.ts';
export { modelPath } from './gguf/read/ollama.ts';
export { type WriteModelFolderOptions, writeModelFolder } from './gguf/read/write-model-folder.ts';
export {
  type LowRankModule,
  type WriteGgufAdapterOptions,
  writeGgufAdapter,
} from './gguf/write/adapter.ts';
export { type WriteGgufModelOptions, type WrittenGguf, writeGgufModel } from './gguf/write/model.ts';
export { type WriteModelfileOptions, type WrittenModelfile, writeModelfile } from './gguf/write/modelfile.ts';
export type { GgufTensorType } from './gguf/write/tensor-bytes.ts';
export {
  type AdaptedForward,
  adaptedForward,
  type EmbeddingFunction,
  type EmbeddingLayer,
  type LinearAdapter,
  type LinearFunction,
  type LinearLayer,
  type LinearWeights,
  plainEmbedding,
  plainLinear,
  type WeightFunction,
} from './linear.ts';
export { type LoadModelOptions, loadModel } from './load-model.ts';
export { type WriteOnnxModelOptions, writeOnnxModel } from './onnx/write-onnx-model.ts';
export type { Precision } from './precision/precision.ts';
export { describePrecision, measurePrecisions, type PrecisionTimes } from './precision/precision-times.ts';
export type { ModelPurpose } from './precision/purpose.ts';
export { readModelConfig } from './read-config.ts';
export { type ResolvedFolder, resolveAdapter, resolveModel } from './repository/resolve-model.ts';
export type { ReplacedTensors } from './tensor-values.ts';
export { type DecodeOptions, type LoadTokenizerOptions, loadTokenizer, type Tokenizer } from './tokenizer.ts';
