import { custom, integer, isCallable, type OptionRules } from '../options.js'
import type { DashboardServer } from './server.js'

/** Where the page of runs is. */
export interface ServerOptions {
  /** The port on 127.0.0.1; default 0: any that is free. */
  readonly port?: number
  /** Called with the page's address; by default it is printed on stderr. */
  readonly onListening?: (address: string) => void
}

/** The checks of {@link ServerOptions}. */
export const serverChecks: OptionRules['accepted'] = {
  port: integer(0, 65_535),
  onListening: custom('a function', isCallable),
}

/**
 * Shows the runs of a folder that trainings are about to fill, and tells where. The process ends although the server
 * listens, unless it `stays`. Rejects with `ERR_IO` if the port is in use.
 */
export async function listening(
  folder: string,
  { port = 0, stay = false, onListening }: ServerOptions & { readonly stay?: boolean },
): Promise<DashboardServer> {
  const { DashboardServer } = await import('./server.js')
  const { Runs } = await import('./runs.js')
  const server = await DashboardServer.listen(Runs.of(folder), port, stay)
  if (onListening) onListening(server.address)
  else (await import('../cli/output.js')).note(`dashboard: ${server.address}`)
  return server
}
