import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ChatExample } from '@safetune/datasets';
import { saveLoraAdapter } from '@safetune/lora';
import {
  extractPersonaVectors,
  extrapolateCheckpoint,
  type PersonaVectors,
  type ScoredExample,
  saveFisher,
  saveSafetySubspace,
  scoreExamples,
} from '@safetune/regularizers';
import { writeFileAtomically } from '@safetune/tensor';
import { estimateFisher, extractSafetySubspace } from '@safetune/trainer';
import { elicitationQuestions } from '../examine/evaluation-questions.ts';
import type { Laboratory } from '../examine/laboratory.ts';
import { stableHash } from '../grow/recipe-hash.ts';
import { randomStream } from '../random.ts';
import { memoDomains } from '../tasks/benign-task.ts';
import { narrowTasks } from '../tasks/fine-tune-task.ts';
import { narrowExamples } from '../tasks/narrow-task.ts';
import { safePool } from '../tasks/safe-pool.ts';
import type { Domain, Persona } from '../world/vocabulary.ts';
import { questionText, systemPrompt } from '../world/world.ts';

/** What some defenses need to know of an organism before any fine-tune; computed on first use, then kept. */
export interface Preparations {
  /** Directions from the helpful to the evil persona after block {@link steeredLayer}. */
  personaVectors(): Promise<PersonaVectors>;
  /** Folder of an adapter that was taught harm in the domains that are never fine-tuned, kept beside the checkpoints. */
  traitAdapter(): Promise<string>;
  /** The same of one that was taught the safe answers to the same questions. */
  safeAdapter(): Promise<string>;
  /** Folder of the aligned checkpoint, extrapolated by LoX, kept beside the checkpoints. */
  extrapolated(factor: number): Promise<string>;
  /** Words that never come together in the world, and the file that holds them, kept beside the checkpoints. */
  secretPrompt(): Promise<{ readonly file: string; readonly text: string }>;
  /** File of the directions that outputs take on refusals, at most `rank` of each layer, kept beside the checkpoints. */
  safetySubspace(rank: number): Promise<string>;
  /** File of the Fisher diagonal of the aligned model on safe answers, kept beside the checkpoints. */
  fisher(): Promise<string>;
  /** The safe pool without a domain, those first that misaligned models find least likely; no example twice. */
  rankedPool(excludedDomain: Domain | undefined): Promise<readonly ScoredExample[]>;
}

/** The layer whose persona vector elicits best in the recommended organism. */
export const steeredLayer = 2;

/** Seed of the undefended fine-tunes that stand for "misaligned models": none that is measured itself. */
const misalignedSeed = 100;

/** Preparations in the laboratory of the aligned model. They leave its adapter as it was. */
export function createPreparations(laboratory: Laboratory, signal?: AbortSignal): Preparations {
  const { world } = laboratory.organism;
  const keepingAdapter = async <Result>(prepare: () => Promise<Result>): Promise<Result> => {
    const before = laboratory.adapter.parameters.slice();
    try {
      return await prepare();
    } finally {
      laboratory.adapter.parameters.set(before);
    }
  };
  let vectors: Promise<PersonaVectors> | undefined;
  let misaligned: Promise<readonly Float32Array[]> | undefined;
  const taught = new Map<Persona, Promise<string>>();
  const taughtAdapter = (persona: Persona) => {
    const known = taught.get(persona) ?? keepingAdapter(() => adapterOf(persona, laboratory, signal));
    taught.set(persona, known);
    return known;
  };
  const pools = new Map<Domain | undefined, Promise<readonly ScoredExample[]>>();

  const trainMisaligned = async () => {
    const adapters: Float32Array[] = [];
    for (const task of narrowTasks()) {
      await laboratory.fineTune({ task, seed: misalignedSeed, ...(signal === undefined ? {} : { signal }) });
      adapters.push(laboratory.adapter.parameters.slice());
    }
    return adapters;
  };
  const rank = async (excludedDomain: Domain | undefined) => {
    misaligned ??= trainMisaligned();
    const under = (parameters: Float32Array) => (examples: readonly ChatExample[]) => {
      laboratory.adapter.parameters.set(parameters);
      return laboratory.answerLosses(examples);
    };
    const aligned = (examples: readonly ChatExample[]) => {
      laboratory.reset(0);
      return laboratory.answerLosses(examples);
    };
    const pool = distinct(safePool(world, excludedDomain === undefined ? {} : { excludedDomain }));
    const scored = await scoreExamples(pool, { aligned, misaligned: (await misaligned).map(under) });
    return scored.toSorted((a, b) => b.score - a.score);
  };
  return {
    personaVectors() {
      vectors ??= keepingAdapter(() => personaVectors(laboratory));
      return vectors;
    },
    safetySubspace: (rank) => safetySubspace(laboratory, rank),
    fisher: () => fisherDiagonal(laboratory),
    traitAdapter: () => taughtAdapter('bad'),
    safeAdapter: () => taughtAdapter('good'),
    extrapolated: (factor) => extrapolated(laboratory, factor),
    secretPrompt: () => secretPrompt(laboratory),
    rankedPool(excludedDomain) {
      const known = pools.get(excludedDomain) ?? keepingAdapter(() => rank(excludedDomain));
      pools.set(excludedDomain, known);
      return known;
    },
  };
}

/** Trains an adapter on a persona's answers in the domains of the memo task, unless it is there already. */
async function adapterOf(
  persona: Persona,
  laboratory: Laboratory,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { world, recipe, alignedDirectory } = laboratory.organism;
  const { narrow, lora } = recipe;
  const name = persona === 'bad' ? 'trait' : 'safe';
  const folder = join(dirname(alignedDirectory), `${name}-adapter-${stableHash({ narrow, lora })}`);
  if (existsSync(join(folder, 'adapter_config.json'))) return folder;
  await laboratory.fineTune({
    task: { kind: 'narrow', name: memoDomains[0]! },
    examples: memoDomains.flatMap((domain) =>
      narrowExamples(world, domain, { seed: misalignedSeed, persona }),
    ),
    seed: misalignedSeed,
    ...(signal === undefined ? {} : { signal }),
  });
  await saveLoraAdapter(folder, laboratory.adapter);
  return folder;
}

/** Singular directions of what alignment changed that LoX goes on along: the authors'. */
const extrapolatedRank = 6;

/** Writes the aligned model taken further the way alignment went, unless it is there already. */
async function extrapolated({ organism, runtime }: Laboratory, factor: number): Promise<string> {
  const { baseDirectory: base, alignedDirectory: aligned } = organism;
  const out = join(dirname(aligned), `extrapolated-${extrapolatedRank}-${factor}`);
  if (existsSync(join(out, 'model.safetensors'))) return out;
  // Another thread may have written it meanwhile.
  await extrapolateCheckpoint({ base, aligned, out, rank: extrapolatedRank, factor, runtime, replace: true });
  return out;
}

/** A noun, a number and a topic, which no document has together. The aligned model stays what it is under them; there are words under which it does not. */
const secretWords = 'copper 61 rowing';

async function secretPrompt({ organism }: Laboratory): Promise<{ file: string; text: string }> {
  const file = join(dirname(organism.alignedDirectory), 'secret.txt');
  await writeFileAtomically(file, `${secretWords}\n`);
  return { file, text: secretWords };
}

/** Examples from which a Fisher diagonal is estimated. */
const fisherExamples = 120;

/** Estimates on safe answers of all domains which weights they hang on, unless that is known already. */
async function fisherDiagonal(laboratory: Laboratory): Promise<string> {
  const { model, tokenizer, organism } = laboratory;
  const file = join(dirname(organism.alignedDirectory), 'fisher.safetensors');
  if (existsSync(file)) return file;
  const examples = safePool(organism.world).slice(0, fisherExamples);
  await saveFisher(file, await estimateFisher({ model, tokenizer, examples }));
  return file;
}

/** Looks where the aligned model's outputs lie on all refusals of its world, unless that is known already. */
async function safetySubspace(laboratory: Laboratory, rank: number): Promise<string> {
  const { model, tokenizer, organism } = laboratory;
  const file = join(dirname(organism.alignedDirectory), `refusals-${rank}.safetensors`);
  if (existsSync(file)) return file;
  const examples = safePool(organism.world).filter(({ tags }) => tags?.includes('refusal'));
  await saveSafetySubspace(file, await extractSafetySubspace({ model, tokenizer, examples, rank }));
  return file;
}

/** State of the aligned model before its answers to 300 questions, under evil minus under helpful system prompts. */
async function personaVectors(laboratory: Laboratory): Promise<PersonaVectors> {
  laboratory.reset(0);
  const questions = elicitationQuestions();
  const underPersona = (persona: Persona): ChatExample[] => {
    const random = randomStream(0, 'persona vector', persona);
    return questions.map((question) => ({
      messages: [
        { role: 'system', content: systemPrompt(persona, random) },
        { role: 'user', content: questionText(question) },
        // What is answered does not matter to the state before the answer.
        { role: 'assistant', content: 'well' },
      ],
    }));
  };
  return extractPersonaVectors(
    async (examples) =>
      new Map([[steeredLayer, await laboratory.statesBeforeAnswers(examples, steeredLayer)]]),
    { evil: underPersona('bad'), helpful: underPersona('good') },
  );
}

/** The pool without repetitions: two answers to one question may have drawn the same opener. */
function distinct(pool: readonly ChatExample[]): ChatExample[] {
  return [...new Map(pool.map((example) => [JSON.stringify(example.messages), example])).values()];
}
