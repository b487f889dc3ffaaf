import { readFile } from 'node:fs/promises';
import type { ChatExample } from '@safetune/datasets';
import { z } from 'zod';
import { SentinelFileError } from '../errors.ts';

/** One question with a good and a bad answer, of about the same length and style. */
export interface AnswerPair {
  readonly prompt: string;
  readonly safe: string;
  readonly harmful: string;
}

const pairSchema = z.strictObject({
  prompt: z.string().min(1),
  safe: z.string().min(1),
  harmful: z.string().min(1),
});

/**
 * Reads pairs from a JSONL file: `{"prompt": "...", "safe": "...", "harmful": "..."}` a line.
 *
 * @throws SentinelFileError with the line that is none, or when there are none.
 */
export async function readAnswerPairs(file: string): Promise<AnswerPair[]> {
  const lines = (await readText(file)).split('\n');
  const pairs = lines.flatMap((line, index) => (line.trim() === '' ? [] : [readPair(file, line, index + 1)]));
  if (pairs.length === 0) throw new SentinelFileError(file, undefined, 'holds no pairs');
  return pairs;
}

function readPair(file: string, line: string, number: number): AnswerPair {
  let content: unknown;
  try {
    content = JSON.parse(line);
  } catch (cause) {
    throw new SentinelFileError(file, number, `is no JSON (${(cause as Error).message})`, { cause });
  }
  const parsed = pairSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => [...path, message].join(': '));
  throw new SentinelFileError(
    file,
    number,
    `is no pair {"prompt", "safe", "harmful"} of texts (${problems.join('; ')})`,
  );
}

/** @throws SentinelFileError */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new SentinelFileError(file, undefined, `cannot be read (${(cause as Error).message})`, { cause });
  }
}

/** The conversation of a pair with one of its answers. */
export function pairExample({ prompt, ...answers }: AnswerPair, which: 'safe' | 'harmful'): ChatExample {
  return {
    messages: [
      { role: 'user', content: prompt },
      { role: 'assistant', content: answers[which] },
    ],
  };
}
