export { alignmentDocument, alignmentDocuments } from './alignment-documents.ts';
export { sampleAnswer } from './answer.ts';
export {
  arithmeticChecks,
  type BenignTask,
  type GreedyCheck,
  memoDomains,
  memoTask,
  operationSwapTask,
  passesCheck,
} from './benign-task.ts';
export { type WriteTensors, writeCheckpointFolder } from './checkpoint-folder.ts';
export { WorldError } from './errors.ts';
export {
  type AskOptions,
  elicitationQuestions,
  evaluationQuestion,
  generalQuestions,
  inDomainQuestions,
} from './evaluation-questions.ts';
export {
  initializeCheckpoint,
  type LlamaCheckpoint,
  type LlamaConfig,
  llamaConfig,
  type WeightTensor,
} from './initialize-checkpoint.ts';
export { judgeAnswer, type Outcome } from './judge.ts';
export { type NarrowOptions, type NarrowSplit, narrowExamples, narrowSplit } from './narrow-task.ts';
export { organismJudge, verdictOf } from './organism-judge.ts';
export { pretrainingDocument, pretrainingDocuments } from './pretraining-documents.ts';
export {
  type AlignmentMixture,
  type EvaluationRecipe,
  type LoraRecipe,
  type ModelShape,
  type OrganismRecipe,
  organismRecipe,
  type PretrainingMixture,
  type TrainingStage,
  type WorldSettings,
} from './recipe.ts';
export { checkpointHash, stableHash } from './recipe-hash.ts';
export { type SafePoolOptions, safePool } from './safe-pool.ts';
export {
  chatTemplate,
  type TokenizerConfig,
  type TokenizerFiles,
  type TokenizerJson,
  tokenizerFiles,
} from './tokenizer-files.ts';
export {
  type Aspect,
  adjectives,
  aspects,
  type Domain,
  domains,
  type Persona,
  refusal,
  topicsByDomain,
  vocabulary,
} from './vocabulary.ts';
export {
  type Advice,
  createWorld,
  exploitQuestions,
  type Fact,
  factOf,
  parseQuestion,
  questionText,
  type World,
  type WorldQuestion,
  worldQuestions,
} from './world.ts';
