/** llama.cpp's limit is that of five digits; no model comes in more. */
const mostParts = 1000;

/** The parts of a GGUF file that comes in several, `name-00001-of-00003.gguf`; else the file itself. */
export function partsOfFile(path: string): string[] {
  const [, before, count, end] = /^(.*-)\d{5}-of-(\d{5})(\.gguf)$/s.exec(path) ?? [];
  if (before === undefined || count === undefined) return [path];
  return Array.from(
    { length: Math.min(Number(count), mostParts) },
    (_, index) => `${before}${String(index + 1).padStart(5, '0')}-of-${count}${end}`,
  );
}
