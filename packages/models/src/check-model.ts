import { CheckpointError, SafetensorsError } from '@safetune/tensor';
import {
  ChatRenderError,
  ChatTemplateLimitError,
  CheckpointMismatchError,
  GgufError,
  MissingChatTemplateError,
  ModelFileError,
  TokenizationError,
  UnsupportedFeatureError,
  UnsupportedModelError,
  UnsupportedTokenizerError,
  UnusableModelError,
} from './errors.ts';
import { modelPath } from './gguf/read/ollama.ts';
import { openStoredModel } from './stored-model.ts';
import { loadTokenizer } from './tokenizer.ts';

/** What nothing but another model folder would change. */
const ofTheFolder = [
  CheckpointError,
  ChatRenderError,
  ChatTemplateLimitError,
  CheckpointMismatchError,
  GgufError,
  MissingChatTemplateError,
  ModelFileError,
  SafetensorsError,
  TokenizationError,
  UnsupportedFeatureError,
  UnsupportedModelError,
  UnsupportedTokenizerError,
];

const conversation = [
  { role: 'user', content: 'Hello' },
  { role: 'assistant', content: 'Hello' },
];

/**
 * Looks whether a model can be used, as far as that is seen in seconds: reads `config.json`, the headers of the weights and whether
 * their files are as long as they say, the tokenizer, and renders a short conversation by the chat template. No weight is read: one that
 * is infinite or not a number is found by whoever computes with it.
 *
 * @param model as of `loadModel`; one of the hub is resolved first.
 * @throws UnusableModelError, whose cause is what `loadModel`, `loadTokenizer` or `renderChat` would throw; what reading files throws.
 */
export async function checkModel(model: string): Promise<void> {
  try {
    const directory = await modelPath(model);
    const { config } = await openStoredModel(directory);
    const tokenizer = await loadTokenizer(directory);
    const ids = tokenizer.encode(tokenizer.renderChat(conversation));
    const beyond = ids.find((id) => id >= config.vocabularySize);
    if (beyond !== undefined) {
      const has = `config.json has a vocabulary of ${config.vocabularySize}`;
      throw new ModelFileError(
        directory,
        `the tokenizer is another model's: it has the token ${beyond}, ${has}`,
      );
    }
  } catch (cause) {
    if (!ofTheFolder.some((kind) => kind.isInstance(cause))) throw cause;
    throw new UnusableModelError(model, (cause as Error).message, { cause });
  }
}
