/** The option --partition: how the data of a simulation are dealt to its clients. */
import { InvalidArgumentError } from 'commander';
import type { Dealing } from '../simulation/pool.ts';

export type PartitionChoice =
  /** One client for each file or folder of a site. */
  | { readonly kind: 'natural' }
  | Dealing
  /** One client for each value of a column. */
  | { readonly kind: 'column'; readonly column: string }
  /** One client for each writer of digits. */
  | { readonly kind: 'writer' }
  /** One client for each speaking role of so many characters. */
  | { readonly kind: 'role'; readonly minimumCharacters: number };

export const partitionForms =
  'natural, iid, dirichlet:ALPHA, labels:SHARDS, column:NAME, writer, role, role:CHARACTERS';

/** Parses the value of the option. Throws InvalidArgumentError. */
export function parsePartition(text: string): PartitionChoice {
  const at = text.indexOf(':');
  const kind = at < 0 ? text : text.slice(0, at);
  const value = at < 0 ? null : text.slice(at + 1);
  switch (kind) {
    case 'natural':
    case 'iid':
    case 'writer':
      if (value === null) return { kind };
      break;
    case 'role':
      if (value === null || isWhole(value)) return { kind, minimumCharacters: Number(value ?? 0) };
      break;
    case 'column':
      if (value) return { kind, column: value };
      break;
    case 'labels':
      if (isWhole(value) && Number(value) > 0) return { kind, shards: Number(value) };
      break;
    case 'dirichlet':
      if (value?.trim() && Number(value) > 0 && Number.isFinite(Number(value))) return { kind, alpha: Number(value) };
  }
  throw new InvalidArgumentError(`expected one of ${partitionForms}`);
}

/** A choice as the option has it. */
export function partitionText(choice: PartitionChoice): string {
  const [, value] = Object.values(choice);
  return value === undefined || value === 0 ? choice.kind : `${choice.kind}:${value}`;
}

function isWhole(text: string | null): boolean {
  return text !== null && /^\d{1,7}$/.test(text);
}
