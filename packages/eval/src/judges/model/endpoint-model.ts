import type { JudgeEndpoint, JudgeWords } from './judge-endpoint.ts';
import type { AskingOptions, FirstToken, JudgeModel, ModelWords } from './judge-model.ts';
import { askNumber, type NumberMode } from './number-modes.ts';

/** A judge model at an endpoint, of which it is settled how it is asked. */
export function endpointModel(endpoint: JudgeEndpoint, mode: NumberMode, leastMass: number): JudgeModel {
  const settings = {
    model: endpoint.model,
    mode: mode.mode,
    minimumNumericMass: leastMass,
    ...(mode.mode === 'text' ? { maxTokens: mode.maxTokens } : { candidates: mode.tops }),
    ...(mode.mode === 'digits' && { followsBeginnings: mode.continuation !== null }),
  };
  return {
    name: endpoint.name,
    settings,
    details: { url: endpoint.url },
    concurrency: endpoint.concurrency,
    number: askNumber(endpoint, mode, leastMass),
    async words(prompt, options) {
      return modelWords(await endpoint.ask(prompt, { ...options, tops: 0 }));
    },
    firstToken:
      mode.mode === 'text'
        ? undefined
        : (prompt, options) => firstToken(endpoint, mode.tops, prompt, options),
  };
}

async function firstToken(
  endpoint: JudgeEndpoint,
  tops: number,
  prompt: string,
  options: AskingOptions = {},
): Promise<FirstToken> {
  const words = await endpoint.ask(prompt, { ...options, maxTokens: 1, tops });
  return { ...modelWords(words), candidates: words.tokens[0]?.candidates ?? [] };
}

function modelWords({ text, missing, usage }: JudgeWords): ModelWords {
  return { text, ...(missing && { missing }), ...(usage && { tokens: usage }) };
}
