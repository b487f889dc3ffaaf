import type { DataCheck, Finding } from './data-check.ts';
import { isSecret, secretPatterns } from './secret-patterns.ts';

/** Keys, tokens and passwords. What is found is told by kind and place, and never repeated. */
export function secretsCheck(): DataCheck {
  return {
    name: 'secrets',
    about:
      'keys, tokens, passwords and private key blocks, by how their issuers write them; told by place, never repeated',
    find: ({ texts }) =>
      texts.flatMap(({ message, text, rejected }) =>
        secretPatterns.flatMap(([kind, pattern]): Finding[] => {
          for (const match of text.matchAll(pattern)) {
            if (isSecret(kind, match[0]))
              return [
                { kind, message, ...(rejected && { rejected }), detail: `at character ${match.index + 1}` },
              ];
          }
          return [];
        }),
      ),
  };
}
