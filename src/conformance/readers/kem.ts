/** Key encapsulation: X-Wing, and the intermediate values of ML-KEM (lines `name = value`). */
import { z } from 'zod';
import { exact } from '../case.ts';
import { jsonReader, type Reader } from '../reader.ts';

const xwing = z
  .array(z.looseObject({ seed: z.string(), eseed: z.string(), pk: z.string(), ct: z.string(), ss: z.string() }))
  .min(1);

export const xwingReader = jsonReader(xwing, list =>
  list.map(({ seed, eseed, pk, ct, ss }, i) => ({
    id: `xwing/${i}`,
    group: 'xwing',
    fn: 'xwing',
    input: { seed, eseed },
    expectation: { kind: 'value', value: { pk, ct, ss }, tolerance: exact },
  })),
);

export const mlkemTextReader: Reader = {
  read(file) {
    const lines = file.text.split('\n').map(line => /^(\S.*?) = (.+)$/.exec(line));
    const values = Object.fromEntries(lines.flatMap(match => (match === null ? [] : [[match[1], match[2]]])));
    if (file.json !== undefined || values.K === undefined || values.c === undefined) return null;
    // The draft of FIPS 203 that these were made for derived other keys from a seed: files begin with the keys.
    const { K, c, ek, dk, m } = values;
    const encapsulates = ek !== undefined && m !== undefined;
    return [
      {
        id: `cctv/${file.stem}`,
        group: 'cctv',
        fn: 'cctv/ML-KEM-768',
        input: encapsulates ? { dk, ek, m } : { dk, c },
        expectation: { kind: 'value', value: encapsulates ? { c, K } : { K }, tolerance: exact },
      },
    ];
  },
};
