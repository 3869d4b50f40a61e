/** Where downloaded data sets are kept between runs. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * $XDG_CACHE_HOME/parley/data (XDG Base Directory 0.8: a relative value is ignored), else ~/.cache/parley/data;
 * on Windows %LOCALAPPDATA%\parley\data.
 */
export function dataCacheFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): string {
  const named = platform === 'win32' ? env.LOCALAPPDATA : env.XDG_CACHE_HOME;
  const base = named !== undefined && isAbsolute(named) ? named : join(homedir(), '.cache');
  return join(base, 'parley', 'data');
}
