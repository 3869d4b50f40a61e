/** `parley groups advise`: what a group size of secure aggregation buys and costs for a cohort. */
import { Command, InvalidArgumentError } from 'commander';
import { adviseGroups, defaultHonest, usualSizes } from '../core/secagg/advise.ts';
import { leastHonest } from '../core/secagg/thresholds.ts';
import { printGroupAdvice } from './groups-print.ts';
import { printJson } from './output.ts';

interface AdviseOptions {
  readonly clients: number;
  readonly size?: readonly number[];
  readonly honest?: number;
  readonly bear?: number;
  readonly colluders?: readonly number[];
  readonly parameters: number;
  readonly json?: true;
}

/** The probability of a leak takes about clients × colluders steps. */
const mostClients = 10_000;
const mostParameters = 1e10;

export function groupsCommand(): Command {
  const command = new Command('groups').description('groups of secure aggregation (protection: group): docs/groups.md');
  command
    .command('advise')
    .description('compare group sizes for a cohort: privacy, drop-outs, tolerated liars, risk of a leak')
    .requiredOption('--clients <n>', 'clients of a round', wholeNumber(1, mostClients))
    .option('--size <g,…>', 'group sizes to compare; usual ones if not given', wholeNumbers(1))
    .option(
      '--honest <m>',
      `honest inputs in every sum; ${defaultHonest} if not given, ${leastHonest} in groups that could lose nobody then`,
      wholeNumber(leastHonest, mostClients),
    )
    .option(
      '--bear <c>',
      'colluders that every group has to bear; as many as it can if not given',
      wholeNumber(0, mostClients),
    )
    .option(
      '--colluders <c,…>',
      'numbers of clients that may work with the coordinator; 5 % and 10 % if not given',
      wholeNumbers(0),
    )
    .option('--parameters <d>', 'values of the model, for the bytes', wholeNumber(1, mostParameters), 1_000_000)
    .option('--json', 'print one JSON document')
    .action(advise);
  return command;
}

function advise({ clients, size, honest, bear, colluders, parameters, json }: AdviseOptions, self: Command): void {
  const many = colluders?.find(count => count > clients);
  if (many !== undefined)
    self.error(`error: --colluders: ${many} of ${clients} clients. Give numbers up to ${clients}.`, { exitCode: 2 });
  const advice = adviseGroups({
    clients,
    sizes: size ?? usualSizes(clients),
    honest: honest ?? null,
    bear: bear ?? null,
    colluders: colluders ?? usualColluders(clients),
    parameters,
  });
  if (json === true) printJson(advice);
  else printGroupAdvice(advice);
}

/** A twentieth and a tenth of the cohort, one at least. */
function usualColluders(clients: number): number[] {
  return [...new Set([20, 10].map(part => Math.max(1, Math.round(clients / part))))];
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return text => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
  };
}

function wholeNumbers(least: number): (text: string) => number[] {
  const read = wholeNumber(least, mostClients);
  return text => [...new Set(text.split(',').map(part => read(part.trim())))].sort((a, b) => a - b);
}
