import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { PlacedProblem } from '@safetune/trainer';
import { boundProblems } from './bounds.ts';
import type { PolicyFields } from './policy-schema.ts';

/** What is wrong with fields that are each as they should be: files that are not there, bounds and defaults that do not go together. */
export function fieldProblems(
  policy: PolicyFields,
  { seesModels }: { readonly seesModels: boolean },
): PlacedProblem[] {
  return [
    ...modelProblems(policy, seesModels),
    ...fileProblems(policy),
    ...orderProblems(policy),
    ...defaultProblems(policy),
    ...judgeProblems(policy),
  ];
}

function modelProblems({ models }: PolicyFields, seesModels: boolean): PlacedProblem[] {
  const ids = Object.keys(models);
  if (ids.length === 0) return [{ path: ['models'], message: 'is empty: name at least one model' }];
  if (!seesModels) return [];
  return Object.entries(models).flatMap(([id, { path }]) =>
    // What was a name of the hub, or of Ollama, stayed one.
    isAbsolute(path) && !existsSync(path)
      ? [{ path: ['models', id, 'path'], message: `: there is no ${path}` }]
      : [],
  );
}

function fileProblems({ screening: { persona }, gate: { log_odds: odds, questions } }: PolicyFields) {
  const files = [
    [['screening', 'persona', 'vectors'], persona?.vectors],
    [['gate', 'log_odds', 'pairs'], odds === false ? undefined : odds.pairs],
    [['gate', 'questions', 'suite'], questions?.suite === 'builtin' ? undefined : questions?.suite],
  ] as const;
  return files.flatMap(([path, file]) =>
    file === undefined || existsSync(file) ? [] : [{ path, message: `: there is no ${file}` }],
  );
}

interface GateBounds {
  readonly quarantine?: number | undefined;
  readonly refuse?: number | undefined;
}

function orderProblems({ screening, gate }: PolicyFields): PlacedProblem[] {
  const { perplexity_gap: gap, persona } = screening;
  const ofScreen = (name: string, bounds: typeof gap) =>
    boundProblems({
      path: ['screening', name],
      bounds: [
        ['warn', bounds?.warn],
        ['drop', bounds?.drop],
        ['refuse', bounds?.refuse],
      ],
    });
  const ofGate = (name: string, bounds: GateBounds | undefined) =>
    boundProblems({
      path: ['gate', name],
      bounds: [
        ['quarantine', bounds?.quarantine],
        ['refuse', bounds?.refuse],
      ],
    });
  return [
    ...ofScreen('perplexity_gap', gap),
    ...ofScreen('persona', persona),
    ...ofGate('log_odds', gate.log_odds === false ? undefined : gate.log_odds),
    ...ofGate('questions', gate.questions),
  ];
}

/** What 'auto' means must be allowed. */
function defaultProblems({ training, limits }: PolicyFields): PlacedProblem[] {
  return (['rank', 'epochs', 'batch_size'] as const).flatMap((name) =>
    training[name] <= limits[name]
      ? []
      : [
          {
            path: ['training', name],
            message: `is ${training[name]}, more than limits.${name}, which is ${limits[name]}`,
          },
        ],
  );
}

function judgeProblems({ gate: { questions } }: PolicyFields): PlacedProblem[] {
  if (questions === undefined) return [];
  const address = URL.canParse(questions.judge.base_url) ? new URL(questions.judge.base_url) : undefined;
  return address !== undefined && /^https?:$/.test(address.protocol)
    ? []
    : [
        {
          path: ['gate', 'questions', 'judge', 'base_url'],
          message: 'must be an address that begins with http:// or https://',
        },
      ];
}
