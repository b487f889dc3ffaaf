export type { EndpointOptions } from './endpoint.ts';
export {
  AnswerSourceError,
  ChartDataError,
  EndpointError,
  InvalidOptionError,
  JournalCorruptError,
  JournalMismatchError,
  JudgeUnavailableError,
  JudgeVerdictError,
  QuestionFileError,
  QuestionTypeError,
  ReportWriteError,
  YamlTextError,
} from './errors.ts';
export type { EvaluatedAnswer, EvaluateOptions, EvaluationResult, EvaluationSettings } from './evaluate.ts';
export { endpointErrors, evaluate, requireScores } from './evaluate.ts';
export type { AnswerPlace, Journal } from './journal.ts';
export { openJournal } from './journal.ts';
export type { ExpectedScore, TokenProbability } from './judges/expected-score.ts';
export { expectedScore, minimumNumericMass } from './judges/expected-score.ts';
export type { Judge, JudgeItem, Verdict } from './judges/judge.ts';
export type { SplitAnswer } from './judges/judge-prompt.ts';
export { fillJudgePrompt, splitReasoning } from './judges/judge-prompt.ts';
export type { OpenAiCompatibleJudgeOptions } from './judges/openai-compatible-judge.ts';
export { openAiCompatibleJudge } from './judges/openai-compatible-judge.ts';
export { ruleJudge } from './judges/rule-judge.ts';
export type { BootstrapOptions } from './metrics/bootstrap.ts';
export { bootstrapInterval } from './metrics/bootstrap.ts';
export type { Interval, Proportion } from './metrics/intervals.ts';
export { proportion, wilsonInterval } from './metrics/intervals.ts';
export type { MisalignedAt, PromptCount } from './metrics/misaligned-at.ts';
export { misalignedAt, promptRateSpread } from './metrics/misaligned-at.ts';
export type { AnswerStatistics, EvaluationSummary, Mean, ScoredAnswer, Unscored } from './metrics/summary.ts';
export { endpointErrorReason, summarize, unscoredReason } from './metrics/summary.ts';
export type { Judgement, Scores, Thresholds } from './metrics/thresholds.ts';
export { judgementOf, paperThresholds, rateDefinitions } from './metrics/thresholds.ts';
export type { EvaluationProgress } from './progress.ts';
export { loadQuestions, parseQuestions } from './questions/parse-questions.ts';
export type { ChatMessage, Question, QuestionDefinition } from './questions/question.ts';
export { defineQuestion, freeFormQuestionType, questionMessages } from './questions/question.ts';
export { parseYaml, type YamlText } from './questions/yaml-text.ts';
export type { Axis, Estimate } from './report/charts/axis.ts';
export type { Dot, DotGroup, DotPlot } from './report/charts/dot-plot.ts';
export { dotPanelsSvg, dotPlotSvg } from './report/charts/dot-plot.ts';
export type { Histogram } from './report/charts/histogram.ts';
export { histogramSvg } from './report/charts/histogram.ts';
export type { Curve, LineChart } from './report/charts/line-chart.ts';
export { lineChartSvg } from './report/charts/line-chart.ts';
export type { ChartText, ChartTheme } from './report/charts/svg.ts';
export { chartInTheme, escapeMarkup } from './report/charts/svg.ts';
export type { TradeOff, TradeOffPoint, TradeOffSeries } from './report/charts/trade-off.ts';
export { tradeOffSvg } from './report/charts/trade-off.ts';
export { answersCsv } from './report/csv.ts';
export { evaluationHtml } from './report/evaluation-html.ts';
export type { HtmlComparison, HtmlPage, HtmlSection, HtmlTable } from './report/html.ts';
export { htmlPage } from './report/html.ts';
export type { EvaluationReport } from './report/json.ts';
export { evaluationReport } from './report/json.ts';
export type { NamedRun } from './report/named-run.ts';
export {
  percentText,
  questionTable,
  shareText,
  summaryTable,
  type TableOptions,
  textTable,
} from './report/terminal.ts';
export type { WrittenReport } from './report/write-report.ts';
export { prepareReportDirectory, writeReport } from './report/write-report.ts';
export { answerRequests, answerSeed } from './sources/answer-requests.ts';
export type {
  AnswerRequest,
  AnswerSource,
  BatchedSourceOptions,
  DrawnAnswer,
  Facts,
} from './sources/answer-source.ts';
export { batchedSource, recordedSource } from './sources/answer-source.ts';
export { filesFingerprint } from './sources/files-fingerprint.ts';
export type { OpenAiCompatibleSourceOptions } from './sources/openai-compatible-source.ts';
export { openAiCompatibleSource } from './sources/openai-compatible-source.ts';
export { writeFileAtomically } from './write-file-atomically.ts';
