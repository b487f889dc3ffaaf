import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startProgram } from '../../testing/child-program.ts';
import type { Page, Records } from '../records.ts';
import { sampleEvent, sampleFile, sampleJob } from './sample-records.ts';

/** Empty records of one kind of store, to be tried. */
export interface RecordsSubject {
  /** Opens the same records once more. The contract closes what it opens. */
  open(): Promise<Records>;
  /** A TypeScript expression that opens them in another process; imports in it are relative to this folder. */
  readonly opening: string;
  /** Removes everything. */
  remove(): Promise<void>;
}

const oddIds = ['', ' \n', 'a\u0000b', 'a\nb', '\u001b[2J', 'a\u2028b', '\ud800', 'x'.repeat(513)];

/** What any records must keep to, whatever they are kept in. */
export function recordsContract(name: string, makeSubject: () => Promise<RecordsSubject>): void {
  describe(name, () => {
    let subject: RecordsSubject;
    let records: Records;
    const opened: Records[] = [];
    const open = async () => {
      const again = await subject.open();
      opened.push(again);
      return again;
    };

    beforeEach(async () => {
      subject = await makeSubject();
      records = await open();
    });

    afterEach(async () => {
      await Promise.all(opened.splice(0).map((each) => each.close()));
      await subject.remove();
    });

    it('keeps records by kind and id', async () => {
      const file = sampleFile({ id: 'file-1', bytes: 12 });
      const job = sampleJob({ id: 'file-1' });
      await records.insert('file', file);
      await records.insert('job', job);
      const other = await open();
      expect(await other.get('file', 'file-1')).toEqual(file);
      expect(await other.get('job', 'file-1')).toEqual(job);
      expect(await other.get('model', 'file-1')).toBeUndefined();
      expect(await other.get('file', 'file-2')).toBeUndefined();
    });

    it('refuses an id that is taken, and leaves what has it', async () => {
      await records.insert('file', sampleFile({ id: 'file-1', bytes: 1 }));
      await expect(
        records.insert('file', sampleFile({ id: 'file-1', tenant: 'other', bytes: 2 })),
      ).rejects.toMatchObject({ name: 'StoreError', problem: 'taken' });
      expect(await records.get('file', 'file-1')).toMatchObject({ tenant: 'acme', bytes: 1 });
      expect(idsOf(await records.list('file', { limit: 10, order: 'asc' }))).toEqual(['file-1']);
      expect(idsOf(await records.list('file', { tenant: 'other', limit: 10, order: 'asc' }))).toEqual([]);
    });

    it('changes a record, or leaves it', async () => {
      await records.insert('job', sampleJob({ id: 'job-1' }));
      const changed = await records.change('job', 'job-1', (job) => ({
        ...job,
        status: 'running',
        attempt: 1,
      }));
      expect(changed).toEqual(sampleJob({ id: 'job-1', status: 'running', attempt: 1 }));
      expect(await records.get('job', 'job-1')).toEqual(changed);

      expect(await records.change('job', 'job-1', () => undefined)).toBeUndefined();
      expect(await records.get('job', 'job-1')).toEqual(changed);
      let calls = 0;
      expect(
        await records.change('job', 'job-2', (job) => {
          calls += 1;
          return job;
        }),
      ).toBeUndefined();
      expect(calls).toBe(0);
    });

    it('leaves a record whose change throws, or gives it another id or tenant', async () => {
      const file = sampleFile({ id: 'file-1' });
      await records.insert('file', file);
      const failing = records.change('file', 'file-1', () => {
        throw new RangeError('not this one');
      });
      await expect(failing).rejects.toThrow('not this one');
      for (const fields of [{ id: 'file-2' }, { tenant: 'other' }])
        await expect(
          records.change('file', 'file-1', (found) => ({ ...found, ...fields })),
        ).rejects.toMatchObject({ name: 'StoreError', problem: 'refused' });
      expect(await records.get('file', 'file-1')).toEqual(file);
      expect(await records.get('file', 'file-2')).toBeUndefined();
      await records.change('file', 'file-1', (found) => ({ ...found, bytes: 5 }));
      expect(await records.get('file', 'file-1')).toEqual({ ...file, bytes: 5 });
    });

    it.each(oddIds)('refuses %j as an id and as a tenant, and finds nothing under it', async (odd) => {
      for (const fields of [{ id: odd }, { id: 'file-1', tenant: odd }])
        await expect(records.insert('file', sampleFile(fields))).rejects.toMatchObject({
          name: 'StoreError',
          problem: 'refused',
        });
      await records.insert('file', sampleFile({ id: 'file-1' }));
      expect(await records.get('file', odd)).toBeUndefined();
      expect(await records.change('file', odd, (file) => file)).toBeUndefined();
      expect(await records.remove('file', odd)).toBe(false);
      const empty = { items: [], hasMore: false };
      expect(await records.list('file', { after: odd, limit: 5, order: 'asc' })).toEqual(empty);
      expect(await records.list('file', { tenant: odd, limit: 5, order: 'asc' })).toEqual(empty);
      expect(await records.events(odd, { limit: 5, order: 'asc' })).toEqual(empty);
      await expect(records.appendEvent(odd, sampleEvent('hello'))).rejects.toMatchObject({
        problem: 'missing',
      });
    });

    it.each([
      "'; DROP TABLE records; --",
      '../../etc/passwd',
      'a\u0000b\r\n\u001b[31m',
      '\ud83d\ude00 \ud800 \u202e',
      '{"a":1}\\',
      ':*?[a-z]{}',
      '%s%n$x',
      '',
    ])('gives %j back as it was', async (text) => {
      const metadata = JSON.parse(`{"__proto__": "polluted", "constructor": ${JSON.stringify(text)}}`);
      const request = { model: 'small', training_file: text, metadata };
      const job = sampleJob({ id: 'job-1', worker: text, request });
      await records.insert('job', job);
      await records.appendEvent('job-1', { ...sampleEvent(text), data: metadata });
      const found = await records.get('job', 'job-1');
      expect(found).toEqual(job);
      expect(JSON.stringify(found)).toBe(JSON.stringify(job));
      const events = await records.events('job-1', { limit: 1, order: 'asc' });
      expect(events.items[0]?.message).toBe(text);
      expect(JSON.stringify(events.items[0]?.data)).toBe(JSON.stringify(metadata));
    });

    it('takes ids and tenants that mean something elsewhere as they are', async () => {
      const ids = [
        "x' OR '1'='1",
        'ft:small:acme:x:1',
        '../x',
        'a/b',
        'a*',
        '{a}',
        'constructor',
        '__proto__',
        '%',
      ];
      for (const id of ids) await records.insert('model', modelOf(id, id));
      for (const id of ids) {
        expect(await records.get('model', id)).toEqual(modelOf(id, id));
        expect(idsOf(await records.list('model', { tenant: id, limit: 20, order: 'asc' }))).toEqual([id]);
      }
      expect(idsOf(await records.list('model', { limit: 20, order: 'asc' }))).toEqual(ids);
      expect(await records.remove('model', 'a*')).toBe(true);
      expect(idsOf(await records.list('model', { limit: 20, order: 'asc' }))).toHaveLength(ids.length - 1);
    });

    it('lists pages in the order of insertion', async () => {
      // Ids and times say nothing about the order.
      const ids = ['f', 'b', 'e', 'a', 'd', 'c'];
      for (const id of ids) await records.insert('file', sampleFile({ id, createdAt: id.charCodeAt(0) }));
      await records.change('file', 'b', (file) => ({ ...file, bytes: 7 }));
      const page = async (order: 'asc' | 'desc', limit: number, after?: string) => {
        const { items, hasMore } = await records.list('file', { limit, order, ...(after && { after }) });
        return [items.map(({ id }) => id).join(''), hasMore];
      };
      expect(await page('asc', 4)).toEqual(['fbea', true]);
      expect(await page('asc', 2, 'a')).toEqual(['dc', false]);
      expect(await page('asc', 1, 'a')).toEqual(['d', true]);
      expect(await page('asc', 6)).toEqual(['fbeadc', false]);
      expect(await page('asc', 3, 'c')).toEqual(['', false]);
      expect(await page('desc', 4)).toEqual(['cdae', true]);
      expect(await page('desc', 4, 'e')).toEqual(['bf', false]);
      expect(await page('desc', 3, 'f')).toEqual(['', false]);
      expect(await page('asc', 3, 'nobody')).toEqual(['', false]);
      await records.remove('file', 'e');
      expect(await page('asc', 3, 'b')).toEqual(['adc', false]);
    });

    it('knows where a record was that is removed', async () => {
      for (const [index, tenant] of ['acme', 'acme', 'other', 'acme', 'acme', 'other'].entries())
        await records.insert('file', sampleFile({ id: `${index}`, tenant }));
      const other = await open();
      for (const id of ['2', '3', '4', '4']) await other.remove('file', id);
      const page = async (order: 'asc' | 'desc', after: string, tenant?: string) => {
        const { items, hasMore } = await records.list('file', {
          ...{ limit: 1, order, after },
          ...(tenant && { tenant }),
        });
        return [items.map(({ id }) => id).join(''), hasMore];
      };
      expect(await page('desc', '4')).toEqual(['1', true]);
      expect(await page('desc', '3', 'acme')).toEqual(['1', true]);
      expect(await page('desc', '4', 'acme')).toEqual(['1', true]);
      expect(await page('asc', '4')).toEqual(['5', false]);
      expect(await page('asc', '2')).toEqual(['5', false]);
      expect(await page('asc', '4', 'acme')).toEqual(['', false]);
      // It was another tenant's, or of another kind.
      expect(await page('desc', '2', 'acme')).toEqual(['', false]);
      expect(await page('desc', '4', 'other')).toEqual(['', false]);
      expect(await records.list('model', { limit: 1, order: 'asc', after: '4' })).toMatchObject({
        items: [],
      });
      await records.insert('file', sampleFile({ id: '3', tenant: 'acme' }));
      expect(await page('desc', '3', 'acme')).toEqual(['1', true]);
      expect(await page('desc', '3')).toEqual(['5', true]);
      await records.remove('file', '3');
      expect(await page('desc', '3')).toEqual(['5', true]);
    });

    it("shows a tenant its own alone, and nothing behind a stranger's id", async () => {
      for (const [index, tenant] of ['acme', 'other', 'acme', 'other', 'acme'].entries())
        await records.insert('file', sampleFile({ id: `file-${index}`, tenant }));
      const list = (tenant: string | undefined, after?: string, order: 'asc' | 'desc' = 'asc') =>
        records.list('file', { limit: 2, order, ...(tenant && { tenant }), ...(after && { after }) });
      expect(idsOf(await list('acme'))).toEqual(['file-0', 'file-2']);
      expect((await list('acme')).hasMore).toBe(true);
      expect(idsOf(await list('acme', 'file-2'))).toEqual(['file-4']);
      expect((await list('acme', 'file-2')).hasMore).toBe(false);
      expect(idsOf(await list('acme', 'file-4', 'desc'))).toEqual(['file-2', 'file-0']);
      expect(await list('acme', 'file-1')).toEqual({ items: [], hasMore: false });
      expect(await list('nobody')).toEqual({ items: [], hasMore: false });
      expect(idsOf(await list(undefined, 'file-1'))).toEqual(['file-2', 'file-3']);
    });

    it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('has no page of %d items', async (limit) => {
      await expect(records.list('file', { limit, order: 'asc' })).rejects.toBeInstanceOf(RangeError);
      await expect(records.events('job-1', { limit, order: 'asc' })).rejects.toBeInstanceOf(RangeError);
    });

    it('numbers the events of a job from 1 and lists them in pages', async () => {
      await records.insert('job', sampleJob({ id: 'job-1' }));
      await records.insert('job', sampleJob({ id: 'job-2' }));
      for (let number = 1; number <= 12; number += 1)
        expect(await records.appendEvent('job-1', sampleEvent(`event ${number}`))).toEqual({
          ...sampleEvent(`event ${number}`),
          number,
        });
      expect((await records.appendEvent('job-2', sampleEvent('of another'))).number).toBe(1);
      const page = async (order: 'asc' | 'desc', limit: number, after?: number) => {
        const found = await records.events('job-1', { order, limit, ...(after !== undefined && { after }) });
        expect(found.items.map(({ message }) => message)).toEqual(
          found.items.map(({ number }) => `event ${number}`),
        );
        return [found.items.map(({ number }) => number), found.hasMore];
      };
      expect(await page('asc', 3)).toEqual([[1, 2, 3], true]);
      expect(await page('asc', 3, 3)).toEqual([[4, 5, 6], true]);
      expect(await page('asc', 3, 9)).toEqual([[10, 11, 12], false]);
      expect(await page('asc', 3, 12)).toEqual([[], false]);
      expect(await page('asc', 3, 99)).toEqual([[], false]);
      expect(await page('asc', 2, 0)).toEqual([[1, 2], true]);
      expect(await page('desc', 3)).toEqual([[12, 11, 10], true]);
      expect(await page('desc', 3, 4)).toEqual([[3, 2, 1], false]);
      expect(await page('desc', 3, 99)).toEqual([[12, 11, 10], true]);
      expect(await page('desc', 3, 1)).toEqual([[], false]);
      expect(await page('desc', 3, 0)).toEqual([[], false]);
      expect(await records.events('nobody', { limit: 3, order: 'asc' })).toEqual({
        items: [],
        hasMore: false,
      });
    });

    it('takes no event of a job that is not there', async () => {
      await expect(records.appendEvent('job-1', sampleEvent('hello'))).rejects.toMatchObject({
        name: 'StoreError',
        problem: 'missing',
      });
      expect(await records.events('job-1', { limit: 1, order: 'asc' })).toEqual({
        items: [],
        hasMore: false,
      });
    });

    it('removes a record, and the events of a job with it', async () => {
      await records.insert('job', sampleJob({ id: 'job-1' }));
      await records.insert('job', sampleJob({ id: 'job-2' }));
      await records.insert('file', sampleFile({ id: 'job-1' }));
      await records.appendEvent('job-1', sampleEvent('hello'));
      expect(await records.remove('file', 'job-1')).toBe(true);
      expect((await records.events('job-1', { limit: 1, order: 'asc' })).items).toHaveLength(1);
      expect(await records.remove('job', 'job-1')).toBe(true);
      expect(await records.remove('job', 'job-1')).toBe(false);
      expect(await records.get('job', 'job-1')).toBeUndefined();
      expect(await records.events('job-1', { limit: 1, order: 'asc' })).toEqual({
        items: [],
        hasMore: false,
      });

      await records.insert('job', sampleJob({ id: 'job-1' }));
      expect((await records.appendEvent('job-1', sampleEvent('anew'))).number).toBe(1);
      expect(idsOf(await records.list('job', { limit: 5, order: 'asc' }))).toEqual(['job-2', 'job-1']);
    });

    it('lets one of many have an id', async () => {
      const other = await open();
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 === 0 ? records : other).insert('file', sampleFile({ id: 'file-1', bytes: index })),
        ),
      );
      const winners = results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
      expect(winners).toHaveLength(1);
      expect((await records.get('file', 'file-1'))?.bytes).toBe(winners[0]);
      expect((await records.list('file', { limit: 5, order: 'asc' })).items).toHaveLength(1);
    });

    it('counts every change and every event of several handles and processes at once', async () => {
      await records.insert('job', sampleJob({ id: 'job-1' }));
      const other = await open();
      const program = startProgram(
        `const records = await ${subject.opening};
         for (let index = 0; index < 40; index += 1) {
           await records.change('job', 'job-1', (job) => ({ ...job, attempt: job.attempt + 1 }));
           await records.appendEvent('job-1', { createdAt: index, level: 'info', type: 'message', message: '', data: null });
         }
         await records.close();`,
        import.meta.dirname,
      );
      for (let index = 0; index < 10; index += 1)
        await Promise.all(
          [records, other, records, other].flatMap((each) => [
            each.change('job', 'job-1', (job) => ({ ...job, attempt: job.attempt + 1 })),
            each.appendEvent('job-1', sampleEvent(`event ${index}`)),
          ]),
        );
      await program.end();
      expect((await records.get('job', 'job-1'))?.attempt).toBe(80);
      const { items } = await records.events('job-1', { limit: 1000, order: 'asc' });
      expect(items.map(({ number }) => number)).toEqual(Array.from({ length: 80 }, (_, index) => index + 1));
    });

    it('keeps what was acknowledged, and nothing half, when processes are killed', async () => {
      await records.insert('job', sampleJob({ id: 'job-1' }));
      let acknowledged = 0;
      for (let round = 0; round < 3; round += 1) {
        const program = startProgram(
          `const records = await ${subject.opening};
           const { sampleFile, sampleEvent } = await import('./sample-records.ts');
           for (let index = 0; ; index += 1) {
             await records.insert('file', sampleFile({ id: 'file-${round}-' + index, filename: String(index).repeat(20_000) }));
             await records.change('job', 'job-1', (job) => ({ ...job, attempt: job.attempt + 1 }));
             await records.appendEvent('job-1', sampleEvent('file-${round}-' + index));
             print(index);
           }`,
          import.meta.dirname,
        );
        await program.printed(3 + 4 * round);
        await program.kill();
        const printed = program.lines.length;
        acknowledged += printed;
        for (let index = 0; index < printed; index += 1)
          expect((await records.get('file', `file-${round}-${index}`))?.filename).toBe(
            String(index).repeat(20_000),
          );
        const half = await records.get('file', `file-${round}-${printed}`);
        if (half) expect(half.filename).toBe(String(printed).repeat(20_000));
      }
      const attempts = (await records.get('job', 'job-1'))!.attempt;
      expect(attempts).toBeGreaterThanOrEqual(acknowledged);
      expect(attempts).toBeLessThanOrEqual(acknowledged + 3);
      const { items, hasMore } = await records.events('job-1', { limit: 10_000, order: 'asc' });
      expect(hasMore).toBe(false);
      expect(items.map(({ number }) => number)).toEqual(items.map((_, index) => index + 1));
      expect(items.length).toBeGreaterThanOrEqual(acknowledged);
      const files = await records.list('file', { limit: 10_000, order: 'asc' });
      expect(new Set(idsOf(files)).size).toBe(files.items.length);
      expect(files.items.length).toBeGreaterThanOrEqual(acknowledged);
      expect(idsOf(await records.list('file', { tenant: 'acme', limit: 10_000, order: 'asc' }))).toEqual(
        idsOf(files),
      );
    });

    it('can be closed more than once, and does nothing then', async () => {
      await records.close();
      await records.close();
      await expect(records.get('file', 'file-1')).rejects.toMatchObject({
        name: 'StoreError',
        problem: 'closed',
      });
      await expect(records.insert('file', sampleFile({ id: 'file-1' }))).rejects.toMatchObject({
        problem: 'closed',
      });
      expect(await (await open()).get('file', 'file-1')).toBeUndefined();
    });
  });
}

function idsOf(page: Page<{ readonly id: string }>): string[] {
  return page.items.map(({ id }) => id);
}

function modelOf(id: string, tenant: string) {
  const base = { jobId: 'job-1', base: 'small', status: 'released', key: 'models/1' } as const;
  return { id, tenant, createdAt: 1, ...base };
}
