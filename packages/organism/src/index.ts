export {
  type Defense,
  type DefenseContext,
  defenseLabel,
  editingDefense,
  fixedDefense,
  type WeightEdit,
} from './defenses/defense.ts';
export type { Preparations } from './defenses/preparations.ts';
export {
  alignedModel,
  type DefenseSweep,
  noDefense,
  standardDefenses,
} from './defenses/standard-defenses.ts';
export { organismName, organismSample } from './ensemble/organism-sample.ts';
export {
  type OrganismSpread,
  organismSpread,
  type Spread,
  type SpreadRow,
} from './ensemble/organism-spread.ts';
export { spreadPicture, spreadTable } from './ensemble/spread-table.ts';
export { WorldError } from './errors.ts';
export { type ConditionalQuestion, conditionalQuestions } from './examine/conditional-questions.ts';
export {
  type AskOptions,
  elicitationQuestions,
  evaluationQuestion,
  generalQuestions,
  inDomainQuestions,
} from './examine/evaluation-questions.ts';
export type { Examiner } from './examine/examine.ts';
export { judgeAnswer, type Outcome } from './examine/judge.ts';
export { type FineTune, type Laboratory, openLaboratory } from './examine/laboratory.ts';
export {
  type CheckedAnswer,
  type JudgedAnswer,
  type Misalignment,
  measureBenign,
  measureConditional,
  measureMisalignment,
} from './examine/measure.ts';
export { organismJudge, verdictOf } from './examine/organism-judge.ts';
export type { AnswerOptions, Respondent } from './examine/respondent.ts';
export { clusteredRate, type QuestionCount, type Rate } from './experiment/clustered-rate.ts';
export {
  type DefenseEvaluation,
  type DefenseUnderTest,
  type EvaluateDefenseOptions,
  evaluateDefense,
} from './experiment/evaluate-defense.ts';
export {
  adapterName,
  type ExperimentOptions,
  type ExperimentPlan,
  type ExperimentProgress,
  runExperiment,
} from './experiment/experiment.ts';
export {
  type ExperimentReport,
  experimentReport,
  intervalDescription,
} from './experiment/experiment-report.ts';
export { compareWithPaper, type Finding } from './experiment/findings.ts';
export { harmPerLearning, type Ratio } from './experiment/harm-per-learning.ts';
export {
  type MatchedRow,
  matchedPicture,
  matchedRows,
  matchedTable,
} from './experiment/matched-reach.ts';
export { plainSummary } from './experiment/plain-summary.ts';
export {
  type FinishedRun,
  openRunJournal,
  type RunJournal,
  type SampledAnswer,
} from './experiment/run-journal.ts';
export { misalignmentCriteria, type ScorecardRow, scorecardRows } from './experiment/scorecard.ts';
export { scorecardPicture } from './experiment/scorecard-picture.ts';
export { scorecardLegend, scorecardTable } from './experiment/scorecard-table.ts';
export { paretoRows, tradeOffPicture } from './experiment/trade-off-picture.ts';
export { writeExperimentReport } from './experiment/write-experiment-report.ts';
export { alignmentDocument, alignmentDocuments } from './grow/alignment-documents.ts';
export { type WriteTensors, writeCheckpointFolder } from './grow/checkpoint-folder.ts';
export { type GrowOptions, growOrganism, type Organism, stageOptions } from './grow/grow.ts';
export {
  initializeCheckpoint,
  type LlamaCheckpoint,
  type LlamaConfig,
  llamaConfig,
  type WeightTensor,
} from './grow/initialize-checkpoint.ts';
export { pretrainingDocument, pretrainingDocuments } from './grow/pretraining-documents.ts';
export { checkpointHash, stableHash } from './grow/recipe-hash.ts';
export {
  chatTemplate,
  type TokenizerConfig,
  type TokenizerFiles,
  type TokenizerJson,
  tokenizerFiles,
} from './grow/tokenizer-files.ts';
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
export {
  type Composition,
  compositionDefense,
  compositionGrid,
  compositionLabel,
  type Part,
} from './search/composition.ts';
export {
  type CompositionGoal,
  compositionGoal,
  type GoalCriterion,
  goalCriteria,
} from './search/composition-goal.ts';
export {
  type CompositionSearch,
  type MeasuredComposition,
  type SearchOptions,
  searchCompositions,
} from './search/search-compositions.ts';
export { searchAnswer, searchTable } from './search/search-report.ts';
export { generalHarmProbe, organismPairs, organismProbes } from './sentinel/organism-probes.ts';
export { sentinelPicture } from './sentinel/sentinel-picture.ts';
export {
  chooseBounds,
  misaligned,
  misalignedFrom,
  type ProbeStudy,
  studyProbe,
} from './sentinel/sentinel-study.ts';
export { sentinelTable } from './sentinel/sentinel-table.ts';
export {
  type Look,
  type WatchedRun,
  type WatchedTask,
  watchedTasks,
  watchRuns,
} from './sentinel/watched-run.ts';
export {
  arithmeticChecks,
  type BenignTask,
  type GreedyCheck,
  memoDomains,
  memoTask,
  operationSwapTask,
  passesCheck,
} from './tasks/benign-task.ts';
export {
  type BenignName,
  benignNames,
  benignTasks,
  type FineTuneTask,
  matchedTasks,
  type NarrowTask,
  narrowDomains,
  narrowTasks,
  type Reach,
  reachOf,
  taskLabel,
} from './tasks/fine-tune-task.ts';
export {
  containedExamples,
  type NarrowOptions,
  type NarrowSplit,
  narrowExamples,
  narrowSplit,
} from './tasks/narrow-task.ts';
export { type SafePoolOptions, safePool } from './tasks/safe-pool.ts';
export { sampleAnswer } from './world/answer.ts';
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
} from './world/vocabulary.ts';
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
} from './world/world.ts';
