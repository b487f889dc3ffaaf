/** What a process that trains or answers may know of its parent's environment: no key of a store, no address of a queue. */
const names =
  /^(?:PATH|HOME|USERPROFILE|SYSTEMROOT|TEMP|TMP|TMPDIR|TZ|LANG|LC_\w+|XDG_CACHE_HOME|HF_HOME|HF_HUB_CACHE|HF_HUB_OFFLINE|OLLAMA_MODELS|LD_LIBRARY_PATH|NODE_COMPILE_CACHE|ORT_DISABLE_TELEMETRY|SAFETUNE_CACHE|SAFETUNE_FOLLOW_LINKS|SAFETUNE_NO_MODULES)$/;

/** @param more names of variables that it needs besides, such as that of a judge's key */
export function childEnvironment(more: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined && (names.test(name) || more.includes(name)) ? [[name, value]] : [],
    ),
  );
}
