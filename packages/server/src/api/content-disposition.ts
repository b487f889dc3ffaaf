/**
 * The header that has a download saved under a name: RFC 6266. The name is a client's, so that nothing of it that means something in a
 * header, or is not ASCII, is in the plain form; the extended one has it percent-encoded.
 */
export function attachment(filename: string): string {
  const plain = filename.replaceAll(/[^\w .()-]/g, '_').slice(0, 200);
  const encoded = encodeURIComponent(filename.toWellFormed()).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/**
 * A client's name of a file as it is kept: its last part, without characters that nobody sees or that a terminal obeys, at most 255 of
 * them.
 */
export function keptFilename(filename: string): string {
  const last = filename.toWellFormed().split(/[/\\]/).at(-1)!;
  const visible = last.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '_').trim();
  const cut = [...visible].slice(0, 255).join('');
  return /^\.*$/.test(cut) ? 'upload' : cut;
}
