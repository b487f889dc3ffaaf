import { StorageError } from '../errors.ts';
import { partsOfKey } from './storage-key.ts';

/** Where an S3 store is, and who asks. */
export interface S3Options {
  readonly bucket: string;
  /** What all keys in the bucket begin with, without a `/` at its end. Default: nothing. */
  readonly prefix?: string;
  /** Such as `http://store:9000`. Default: Amazon's of the region. */
  readonly endpoint?: string;
  /** Default: 'us-east-1', which stores other than Amazon's take too. */
  readonly region?: string;
  /** Whether the bucket is the first part of the path, not of the host's name. Default: true with an endpoint, false without. */
  readonly pathStyle?: boolean;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** How often a request is sent again that the store could not answer. Default: 6. */
  readonly retries?: number;
  /** The first pause before that, in milliseconds; each further one may be twice as long, up to 10 seconds. Default: 200. */
  readonly retryMilliseconds?: number;
  /** A content that is longer is uploaded in parts of so many bytes, one of which is in memory. Default: 16 MiB; Amazon's least is 5. */
  readonly partBytes?: number;
}

/**
 * Reads an address such as `s3://bucket/prefix?endpoint=http://store:9000&region=eu-central-1&path-style=true`. The credentials are of the
 * environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; the region too where the address has none (AWS_REGION).
 *
 * @throws StorageError 'refused' for an address that is none, or without credentials.
 */
export function s3OptionsOf(address: string, environment: NodeJS.ProcessEnv): S3Options {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== 's3:' || url.username !== '' || url.password !== '')
    throw new StorageError(
      's3',
      'refused',
      'the address must be like s3://bucket/prefix?endpoint=http://store:9000',
    );
  const known = new Set(['endpoint', 'region', 'path-style']);
  for (const name of url.searchParams.keys())
    if (!known.has(name))
      throw new StorageError(
        url.host,
        'refused',
        `the address has an option that is not known: ${JSON.stringify(name)}`,
      );
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION } = environment;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY)
    throw new StorageError(url.host, 'refused', 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
  const pathStyle = url.searchParams.get('path-style');
  if (pathStyle !== null && pathStyle !== 'true' && pathStyle !== 'false')
    throw new StorageError(url.host, 'refused', 'path-style is true or false');
  const prefix = url.pathname.replace(/^\/|\/$/g, '');
  const endpoint = url.searchParams.get('endpoint');
  const region = url.searchParams.get('region') ?? AWS_REGION;
  return {
    bucket: url.host,
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(prefix !== '' && { prefix }),
    ...(endpoint !== null && { endpoint }),
    ...(region && { region }),
    ...(pathStyle !== null && { pathStyle: pathStyle === 'true' }),
    ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
  };
}

/** @returns the address of the bucket, without a `/` at its end. @throws StorageError 'refused' for options without meaning. */
export function addressOfBucket(options: S3Options): string {
  const { bucket, prefix, region = 'us-east-1', endpoint, pathStyle = endpoint !== undefined } = options;
  const refuse = (problem: string) => new StorageError(`s3 ${JSON.stringify(bucket)}`, 'refused', problem);
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) throw refuse('the bucket is no name of one');
  if (!/^[a-z0-9-]{1,64}$/.test(region)) throw refuse('the region is no name of one');
  if (prefix !== undefined) partsOfKey(prefix);
  const { partBytes = 1, retries = 0, retryMilliseconds = 0 } = options;
  if (!Number.isSafeInteger(partBytes) || partBytes < 1) throw refuse('a part has at least one byte');
  if (!(retries >= 0) || !(retryMilliseconds >= 0)) throw refuse('retries and their pause are 0 or more');
  const place = endpoint ?? `https://s3.${region}.amazonaws.com`;
  const url = URL.canParse(place) ? new URL(place) : undefined;
  if (
    !url ||
    !['http:', 'https:'].includes(url.protocol) ||
    url.pathname !== '/' ||
    url.search !== '' ||
    url.username !== ''
  )
    throw refuse('the endpoint must be like http://store:9000');
  return pathStyle ? `${url.origin}/${bucket}` : `${url.protocol}//${bucket}.${url.host}`;
}
