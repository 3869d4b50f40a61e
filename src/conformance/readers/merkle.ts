/** RFC 6962 / RFC 9162 Merkle trees: inclusion and consistency proofs, and the roots of a reference tree. */
import { z } from 'zod';
import { type Case, type Expectation, exact } from '../case.ts';
import { jsonReader } from '../reader.ts';

const proof = { proof: z.array(z.string()).nullable(), desc: z.string(), wantErr: z.boolean() };
const inclusion = z
  .array(z.looseObject({ leafIdx: z.number(), treeSize: z.number(), root: z.string().nullable(), ...proof }))
  .min(1);
const consistency = z.array(z.looseObject({ size1: z.number(), size2: z.number(), ...proof })).min(1);
const reference = z.looseObject({ leaf_inputs_hex: z.array(z.string()), root_by_tree_size: z.array(z.string()) });

export const inclusionReader = jsonReader(inclusion, list => list.map((item, i) => readProof('inclusion', item, i)));
export const consistencyReader = jsonReader(consistency, list =>
  list.map((item, i) => readProof('consistency', item, i)),
);

export const referenceTreeReader = jsonReader(reference, ({ leaf_inputs_hex, root_by_tree_size }) =>
  root_by_tree_size.map((root, size) => ({
    id: `merkle/root/${size}`,
    group: 'merkle/root',
    fn: 'merkle/root',
    input: { leaves: leaf_inputs_hex.slice(0, size) },
    expectation: { kind: 'value', value: root, tolerance: exact },
  })),
);

function readProof(fn: string, item: { desc: string; wantErr: boolean }, index: number): Case {
  const { desc, wantErr, ...input } = item;
  const expectation: Expectation = wantErr ? { kind: 'refusal' } : { kind: 'value', value: true, tolerance: exact };
  return { id: `merkle/${fn}/${index} ${desc}`, group: `merkle/${fn}`, fn: `merkle/${fn}`, input, expectation };
}
