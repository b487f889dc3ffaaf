import { printable } from '@safetune/tensor';
import { LoraConfigError } from '../errors.ts';
import type { LoraConfig } from './config.ts';
import { matchWithin } from './python-pattern.ts';

/**
 * Which modules are trained whole, by PEFT's rule (`_set_trainable`): those whose name ends so, or stands below one
 * that does.
 */
export function savedModuleTest({ modules_to_save }: LoraConfig): (module: string) => boolean {
  const ends = modules_to_save ?? [];
  return (module) => ancestors(module).some((name) => ends.some((end) => name.endsWith(end)));
}

/**
 * Which layers get no update, because they are trained whole (PEFT's `check_target_module_exists`): there the entries are
 * patterns.
 *
 * @throws LoraConfigError for an entry that cannot be used as a pattern.
 */
export function keptFromUpdates({ modules_to_save }: LoraConfig): (module: string) => boolean {
  const patterns = (modules_to_save ?? []).map((entry) => {
    try {
      return matchWithin('(^|.*\\.)', entry, '($|\\..*)');
    } catch (error) {
      const reason = (error as Error).message;
      throw new LoraConfigError(
        'modules_to_save',
        `'${printable(entry)}' cannot be used as a pattern: ${reason}`,
      );
    }
  });
  return (module) => patterns.some((pattern) => pattern.matches(module));
}

/** `a.b.c`, `a.b` and `a`. */
export function ancestors(module: string): string[] {
  const parts = module.split('.');
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('.'));
}
