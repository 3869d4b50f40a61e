/** Dealing text to clients: by speaking role, or paragraph by paragraph. */
import { iidPartition, largestGroups } from '../core/data/partition.ts';
import { paragraphs, type SpeakingRole } from '../core/data/speaking-roles.ts';
import type { TextSchema } from '../core/data/text-schema.ts';
import { isLongEnough, textSite } from '../core/data/text-site.ts';
import { UserError } from '../core/protocol/problem.ts';
import type { NamedSite } from './deal-sites.ts';
import { siteNames } from './pool.ts';
import { streamOf } from './stream.ts';

/**
 * One client for each role that says at least so many characters, and enough to train and test on.
 *
 * @param clients so many of the roles that say most; null for all. Throws UserError where there are fewer.
 */
export function dealRoles(
  schema: TextSchema,
  roles: readonly SpeakingRole[],
  minimumCharacters: number,
  clients: number | null,
  name: string,
): NamedSite[] {
  const long = roles
    .map(role => ({ ...role, characters: [...role.text].length }))
    .filter(({ characters }) => characters >= minimumCharacters && isLongEnough(schema, characters));
  if (long.length < (clients ?? 1)) {
    throw new UserError(
      name,
      `has ${long.length} roles that say enough for a client, of ${clients ?? 1} needed`,
      'Simulate fewer clients, or ask for fewer characters: role:N.',
    );
  }
  const chosen = largestGroups(long, clients ?? long.length, ({ characters }) => characters);
  const names = siteNames(chosen.map(role => role.name));
  return chosen.map(({ text }, i) => ({ name: names[i], data: textSite(schema, text, names[i]) }));
}

/** Deals the paragraphs of a text at random, as many to each client; a client's stand in the order of the text. Throws UserError. */
export function dealParagraphs(
  schema: TextSchema,
  text: string,
  clients: number,
  seed: number,
  name: string,
): NamedSite[] {
  const all = paragraphs(text);
  if (all.length < clients) {
    throw new UserError(name, `has ${all.length} paragraphs for ${clients} clients`, 'Simulate fewer clients.');
  }
  const digits = String(clients).length;
  return iidPartition(all.length, clients, streamOf(seed, 'partition')).map((own, i) => {
    const client = `client-${String(i + 1).padStart(digits, '0')}`;
    return { name: client, data: textSite(schema, Array.from(own, at => all[at].text).join('\n\n'), client) };
  });
}
