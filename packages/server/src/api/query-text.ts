import { ApiError } from '../errors.ts';

const mostNames = 50;

/**
 * A query as names and values; `metadata[key]=value` is an entry of an object, as the official clients write it.
 *
 * @throws ApiError 400 for a name that is given twice, as two readers could take two different ones; for too many; for names that
 *   JavaScript takes for something else.
 */
export function parseQuery(text: string): Record<string, unknown> {
  const query: Record<string, unknown> = Object.create(null);
  let names = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    names += 1;
    if (names > mostNames) throw new ApiError(400, `The query has more than ${mostNames} parameters.`);
    const [, outer, inner] = /^([^[\]]+)\[([^[\]]*)\]$/.exec(name) ?? [];
    if ([name, outer, inner].some((one) => one === '__proto__' || one === 'constructor')) {
      throw new ApiError(400, 'The query has a parameter of a name that is not allowed.');
    }
    if (outer === undefined || inner === undefined) put(query, name, value, name);
    else {
      query[outer] ??= Object.create(null);
      const object = query[outer];
      if (typeof object !== 'object' || object === null) throw twice(outer);
      put(object as Record<string, unknown>, inner, value, outer);
    }
  }
  return query;
}

function put(target: Record<string, unknown>, name: string, value: string, param: string): void {
  if (Object.hasOwn(target, name)) throw twice(param);
  target[name] = value;
}

function twice(name: string): ApiError {
  const param = name.slice(0, 100).replaceAll(/\p{C}/gu, '\ufffd');
  return new ApiError(400, `The query has '${param}' twice.`, { code: 'duplicate_parameter', param });
}
