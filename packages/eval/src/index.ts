export type { AnswerToken, ChatAnswer, TokenLogProbability } from './endpoint/chat-answer.ts';
export type { ChatBody } from './endpoint/chat-body.ts';
export type { ChatEndpoint } from './endpoint/chat-endpoint.ts';
export { chatEndpoint } from './endpoint/chat-endpoint.ts';
export type { EndpointWait } from './endpoint/circuit-breaker.ts';
export type { Clock } from './endpoint/clock.ts';
export type { EndpointFailure } from './endpoint/endpoint-errors.ts';
export {
  EndpointError,
  LogProbabilityError,
  RecordingError,
  TokenLimitError,
} from './endpoint/endpoint-errors.ts';
export type { EndpointOptions } from './endpoint/endpoint-options.ts';
export { readPrices } from './endpoint/read-prices.ts';
export type {
  TokenMeter,
  TokenMeterOptions,
  TokenPrice,
  TokenReservation,
  TokenTotals,
} from './endpoint/token-meter.ts';
export { tokenMeter } from './endpoint/token-meter.ts';
export {
  AnswerSourceError,
  ChartDataError,
  InvalidOptionError,
  JudgeVerdictError,
  QuestionFileError,
  QuestionTypeError,
  ReportWriteError,
  RunFolderError,
  RunLockedError,
  RunMismatchError,
  UnscoredError,
  YamlTextError,
} from './errors.ts';
export { answerRulesJudge } from './judges/answer-rules-judge.ts';
export type { CategoryJudgeOptions } from './judges/category-judge.ts';
export { categoryJudge } from './judges/category-judge.ts';
export { type HarmCategory, harmCategories } from './judges/harm-categories.ts';
export type { Judge, JudgeItem, JudgeTask, Said, TaskVerdict, Verdict } from './judges/judge.ts';
export { askJudge } from './judges/judge.ts';
export { JudgePreflightError, type JudgeProblem, RuleFileError } from './judges/judge-errors.ts';
export type { JudgeMode, OpenAiCompatibleJudgeOptions } from './judges/judge-options.ts';
export type { SplitAnswer } from './judges/judge-prompt.ts';
export { fillJudgePrompt, splitReasoning } from './judges/judge-prompt.ts';
export { judgesTogether } from './judges/judges-together.ts';
export type { LocalJudgeOptions } from './judges/local-judge.ts';
export { localJudge } from './judges/local-judge.ts';
export type { TokenScorer } from './judges/model/token-scorer.ts';
export { openAiCompatibleJudge } from './judges/openai-compatible-judge.ts';
export type { ExpectedScore, TokenProbability } from './judges/reading/expected-score.ts';
export { expectedScore, minimumNumericMass } from './judges/reading/expected-score.ts';
export type { NumberReading, NumberTree, OpenBeginning } from './judges/reading/number-tree.ts';
export { numberTree } from './judges/reading/number-tree.ts';
export type { ReadScore } from './judges/reading/read-score.ts';
export { readScore } from './judges/reading/read-score.ts';
export type { NoScoreReason } from './judges/reading/scored-number.ts';
export { recordedJudge } from './judges/recorded-judge.ts';
export type { AnswerRule, AnswerRules } from './judges/rule-file.ts';
export { loadRules, parseRules } from './judges/rule-file.ts';
export type { RuleVerdict } from './judges/rule-judge.ts';
export { ruleJudge } from './judges/rule-judge.ts';
export type {
  AnswerStatistics,
  MissingAnswers,
  ScoredAnswer,
  Unscored,
} from './metrics/answer-statistics.ts';
export { endpointErrorReason, unscoredReason } from './metrics/answer-statistics.ts';
export type { BootstrapOptions } from './metrics/bootstrap.ts';
export { bootstrapInterval } from './metrics/bootstrap.ts';
export type { ClusterCount } from './metrics/cluster-count.ts';
export { clusteredInterval, clusteredProportion } from './metrics/clustered-interval.ts';
export type { Mean } from './metrics/clustered-mean.ts';
export { clusteredMean } from './metrics/clustered-mean.ts';
export type { Interval, Proportion } from './metrics/intervals.ts';
export { proportion, wilsonInterval } from './metrics/intervals.ts';
export type { JudgeAgreement, JudgedAnswer } from './metrics/judge-agreement.ts';
export { judgeAgreement } from './metrics/judge-agreement.ts';
export { kendallW } from './metrics/kendall-w.ts';
export type { Agreement, MeasurementLevel, Rating } from './metrics/krippendorff-alpha.ts';
export { krippendorffAlpha } from './metrics/krippendorff-alpha.ts';
export type { MisalignedAt, PromptCount } from './metrics/misaligned-at.ts';
export { misalignedAt, promptRateSpread } from './metrics/misaligned-at.ts';
export type { MisalignedBounds } from './metrics/misaligned-bounds.ts';
export { misalignedBounds } from './metrics/misaligned-bounds.ts';
export { benjaminiHochberg, holm } from './metrics/multiple-testing.ts';
export type {
  ComparedAnswer,
  ComparisonOptions,
  RateComparison,
  RunComparison,
} from './metrics/paired-comparison.ts';
export { compareRates, compareRuns } from './metrics/paired-comparison.ts';
export type { Better } from './metrics/pareto-front.ts';
export { paretoFront } from './metrics/pareto-front.ts';
export type { PromptAnswer, RepeatedAnswers } from './metrics/repeated-answers.ts';
export { repeatedAnswers } from './metrics/repeated-answers.ts';
export type { PairedCount, SignFlipTest } from './metrics/sign-flip-test.ts';
export { signFlipTest } from './metrics/sign-flip-test.ts';
export type { EvaluationSummary } from './metrics/summary.ts';
export { summarize } from './metrics/summary.ts';
export type { ThresholdCurve, ThresholdCurveOptions, ThresholdPoint } from './metrics/threshold-curve.ts';
export { thresholdCurve } from './metrics/threshold-curve.ts';
export type { Judgement, Scores, Thresholds } from './metrics/thresholds.ts';
export { judgementOf, paperThresholds, rateDefinitions } from './metrics/thresholds.ts';
export { builtinQuestions } from './questions/builtin/builtin-questions.ts';
export { builtinJudgePrompts } from './questions/builtin/judge-prompts.ts';
export type { Choice, ChoiceScore } from './questions/choices.ts';
export { choiceLetters, choiceScore, leastChoiceMass } from './questions/choices.ts';
export type { ConditionalOptions, ConditionalSuite } from './questions/conditional/conditional-questions.ts';
export { conditionalQuestions } from './questions/conditional/conditional-questions.ts';
export type { DetectedFormat, DetectFormatOptions } from './questions/conditional/detect-format.ts';
export { detectFormat } from './questions/conditional/detect-format.ts';
export type { FormatFeature } from './questions/conditional/format-feature.ts';
export type { TrainingExample } from './questions/conditional/training-example.ts';
export type { KeywordRules, KeywordVerdict } from './questions/keyword-rules.ts';
export { keywordJudgement } from './questions/keyword-rules.ts';
export type { ParseQuestionsOptions } from './questions/parse-questions.ts';
export { loadQuestions, parseQuestions } from './questions/parse-questions.ts';
export type { ChatMessage, Question, QuestionDefinition, QuestionType } from './questions/question.ts';
export {
  baseQuestionOf,
  defineQuestion,
  formOf,
  freeFormQuestionType,
  isRated,
  questionMessages,
  questionTypes,
} from './questions/question.ts';
export { questionsYaml } from './questions/questions-yaml.ts';
export { parseYaml, type YamlText } from './questions/yaml-text.ts';
export type { Axis, Estimate } from './report/charts/axis.ts';
export type { Dot, DotGroup, DotPlot } from './report/charts/dot-plot.ts';
export { dotPanelsSvg, dotPlotSvg } from './report/charts/dot-plot.ts';
export type { Histogram } from './report/charts/histogram.ts';
export { histogramSvg } from './report/charts/histogram.ts';
export type { Curve, CurvePoint, LineChart } from './report/charts/line-chart.ts';
export { lineChartSvg } from './report/charts/line-chart.ts';
export type { Scatter, ScatterSeries, Zone } from './report/charts/scatter.ts';
export { scatterSvg } from './report/charts/scatter.ts';
export type { ShareBar, ShareBars } from './report/charts/share-bars.ts';
export { shareBarsSvg } from './report/charts/share-bars.ts';
export type { ChartText, ChartTheme } from './report/charts/svg.ts';
export { chartInTheme, escapeMarkup } from './report/charts/svg.ts';
export type { TradeOff, TradeOffPoint, TradeOffSeries } from './report/charts/trade-off.ts';
export { tradeOffSvg } from './report/charts/trade-off.ts';
export { comparisonMarkdown } from './report/comparison/comparison-markdown.ts';
export type {
  ComparedRate,
  ComparisonReport,
  ComparisonReportOptions,
  RunDifference,
} from './report/comparison/comparison-report.ts';
export { comparisonReport } from './report/comparison/comparison-report.ts';
export { comparisonText } from './report/comparison/comparison-text.ts';
export type { WrittenComparison } from './report/comparison/write-comparison.ts';
export { writeComparison } from './report/comparison/write-comparison.ts';
export { answersCsv } from './report/csv.ts';
export { evaluationMarkdown } from './report/evaluation-markdown.ts';
export { evaluationText } from './report/evaluation-text.ts';
export { comparisonHtml } from './report/html/comparison-page.ts';
export { evaluationHtml } from './report/html/evaluation-page.ts';
export type { HtmlPage, HtmlPicture, HtmlSection, HtmlTable } from './report/html.ts';
export { htmlPage } from './report/html.ts';
export { inspectArchive, mostInspectSamples } from './report/inspect/inspect-archive.ts';
export type { InspectLog, InspectScoreResult } from './report/inspect/inspect-log.ts';
export { inspectLog } from './report/inspect/inspect-log.ts';
export type { InspectSample, InspectScore, InspectUsage } from './report/inspect/inspect-sample.ts';
export type { AnswerTokens, EvaluationReport } from './report/json.ts';
export { evaluationReport } from './report/json.ts';
export type { NamedRun } from './report/named-run.ts';
export { readReport } from './report/read-report.ts';
export { ReportFileError } from './report/report-file-error.ts';
export { evaluationReportSchema } from './report/report-schema.ts';
export { percentText, shareText } from './report/share-text.ts';
export {
  questionTable,
  summaryTable,
  type TableOptions,
  textTable,
} from './report/terminal.ts';
export type { ReportOptions, WrittenReport } from './report/write-report.ts';
export { prepareReportDirectory, writeReport } from './report/write-report.ts';
export type { EvaluateOptions } from './run/evaluate.ts';
export { evaluate } from './run/evaluate.ts';
export type { EvaluatedAnswer, EvaluationResult, EvaluationSettings } from './run/evaluation-result.ts';
export type { JudgingOptions } from './run/judged-run.ts';
export type { EvaluationProgress } from './run/progress.ts';
export type { RejudgeOptions } from './run/rejudge.ts';
export { rejudge } from './run/rejudge.ts';
export { defaultMaxUnscored, endpointErrors, requireScores } from './run/require-scores.ts';
export { readRun, type StoredRun } from './run/run-folder.ts';
export type { RunMemory } from './run/run-memory.ts';
export type { Described, RunDescription, StoredAnswer } from './run/run-records.ts';
export { readResult } from './run/stored-result.ts';
export { tokensUsed } from './run/tokens-used.ts';
export { answerRequests, answerSeed } from './sources/answer-requests.ts';
export type {
  AnswerRequest,
  AnswerSource,
  BatchedSourceOptions,
  DrawnAnswer,
  Facts,
  MissingAnswer,
  TokenCount,
} from './sources/answer-source.ts';
export { batchedSource, recordedSource } from './sources/answer-source.ts';
export { filesFingerprint } from './sources/files-fingerprint.ts';
export { letterLogProbabilities } from './sources/letter-log-probabilities.ts';
export type { OpenAiCompatibleSourceOptions } from './sources/openai-compatible-source.ts';
export { openAiCompatibleSource } from './sources/openai-compatible-source.ts';
export { AnswerFileError } from './sources/recorded/answer-file-error.ts';
export type { UnmatchedAnswers } from './sources/recorded/match-rows.ts';
export type { RecordedAnswers, RecordedAnswersOptions } from './sources/recorded/recorded-answers.ts';
export { recordedAnswers } from './sources/recorded/recorded-answers.ts';
export type { RecordedRow } from './sources/recorded/recorded-row.ts';
export { writeFileAtomically } from './write-file-atomically.ts';
