/** Dealing the tables there are to as many clients as are asked for. */
import type { Dataset, SiteData } from '../core/data/dataset.ts';
import { joinRows, pickRows } from '../core/data/rows.ts';
import { UserError } from '../core/protocol/problem.ts';

export interface NamedSite {
  readonly name: string;
  readonly data: SiteData;
}

/**
 * As many clients as tables: each has one. Fewer: the tables are dealt in turn, a client's tables become one. More: every
 * further client takes a share of the table with the most test rows a client, rows dealt in turn. Rows keep the scaling
 * of the table they stood in. Throws UserError when a client would get no training row or no test row.
 */
export function dealSites(tables: readonly NamedSite[], clients: number): NamedSite[] {
  return clients < tables.length ? merged(tables, clients) : divided(tables, clients);
}

/** The rows of several sites as one. Throws RangeError for none, or for sites of different width. */
export function joinSites(sites: readonly SiteData[]): SiteData {
  if (sites.length === 0) throw new RangeError('joinSites: no site');
  return {
    ...sites[0],
    train: joinRows(sites.map(site => site.train)),
    test: joinRows(sites.map(site => site.test)),
    scaler: null,
    droppedRows: sites.reduce((sum, site) => sum + site.droppedRows, 0),
  };
}

function merged(tables: readonly NamedSite[], clients: number): NamedSite[] {
  return Array.from({ length: clients }, (_, client) => {
    const own = tables.filter((_table, i) => i % clients === client);
    return { name: own.map(table => table.name).join('.'), data: joinSites(own.map(table => table.data)) };
  });
}

function divided(tables: readonly NamedSite[], clients: number): NamedSite[] {
  const shares = tables.map(() => 1);
  const perClient = (i: number): number => tables[i].data.test.rows / shares[i];
  for (let more = clients - tables.length; more > 0; more--) {
    const fullest = shares.reduce((best, _, i) => (perClient(i) > perClient(best) ? i : best), 0);
    shares[fullest]++;
  }
  return tables.flatMap((table, i) => divide(table, shares[i], clients));
}

function divide({ name, data }: NamedSite, shares: number, clients: number): NamedSite[] {
  if (data.train.rows < shares || data.test.rows < shares) {
    throw new UserError(name, `has too few rows for ${shares} of ${clients} clients`, 'Simulate fewer clients.');
  }
  if (shares === 1) return [{ name, data }];
  return Array.from({ length: shares }, (_, share) => ({
    name: `${name}-${share + 1}`,
    data: {
      ...data,
      train: everyNth(data.train, share, shares),
      test: everyNth(data.test, share, shares),
      droppedRows: 0,
    },
  }));
}

function everyNth(data: Dataset, first: number, step: number): Dataset {
  const count = Math.ceil((data.rows - first) / step);
  return pickRows(
    data,
    Array.from({ length: count }, (_, i) => first + i * step),
  );
}
