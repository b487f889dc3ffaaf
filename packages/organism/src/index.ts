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
export { clusteredRate, type QuestionCount, type Rate } from './clustered-rate.ts';
export { type Defense, type DefenseContext, defenseLabel, fixedDefense } from './defense.ts';
export { WorldError } from './errors.ts';
export {
  type DefenseEvaluation,
  type DefenseUnderTest,
  type EvaluateDefenseOptions,
  evaluateDefense,
} from './evaluate-defense.ts';
export {
  type AskOptions,
  elicitationQuestions,
  evaluationQuestion,
  generalQuestions,
  inDomainQuestions,
} from './evaluation-questions.ts';
export type { Examiner } from './examine.ts';
export {
  adapterName,
  type ExperimentOptions,
  type ExperimentPlan,
  type ExperimentProgress,
  runExperiment,
} from './experiment.ts';
export {
  type ExperimentReport,
  experimentReport,
  intervalDescription,
  writeExperimentReport,
} from './experiment-report.ts';
export { compareWithPaper, type Finding } from './findings.ts';
export {
  type BenignName,
  benignNames,
  benignTasks,
  type FineTuneTask,
  narrowDomains,
  narrowTasks,
} from './fine-tune-task.ts';
export { type GrowOptions, growOrganism, type Organism, stageOptions } from './grow.ts';
export {
  initializeCheckpoint,
  type LlamaCheckpoint,
  type LlamaConfig,
  llamaConfig,
  type WeightTensor,
} from './initialize-checkpoint.ts';
export { judgeAnswer, type Outcome } from './judge.ts';
export { type AnswerOptions, type FineTune, type Laboratory, openLaboratory } from './laboratory.ts';
export {
  type CheckedAnswer,
  type JudgedAnswer,
  type Misalignment,
  measureBenign,
  measureMisalignment,
} from './measure.ts';
export { type NarrowOptions, type NarrowSplit, narrowExamples, narrowSplit } from './narrow-task.ts';
export { organismJudge, verdictOf } from './organism-judge.ts';
export type { Preparations } from './preparations.ts';
export { pretrainingDocument, pretrainingDocuments } from './pretraining-documents.ts';
export {
  type AlignmentMixture,
  type EvaluationRecipe,
  type LoraRecipe,
  type ModelShape,
  type OrganismRecipe,
  organismChoice,
  organismRecipe,
  type PretrainingMixture,
  type TrainingStage,
  type WorldSettings,
} from './recipe.ts';
export { checkpointHash, stableHash } from './recipe-hash.ts';
export type { FinishedRun, SampledAnswer } from './run-journal.ts';
export { type SafePoolOptions, safePool } from './safe-pool.ts';
export { misalignmentCriteria, type ScorecardRow, scorecardRows } from './scorecard.ts';
export { scorecardLegend, scorecardTable } from './scorecard-table.ts';
export {
  alignedModel,
  type DefenseSweep,
  noDefense,
  standardDefenses,
} from './standard-defenses.ts';
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
