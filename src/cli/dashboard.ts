import { pathOf } from '../path.js'
import { interruptible } from './interrupt.js'
import { note, printJson } from './output.js'

/** The flags of `seqloom dashboard`. */
export interface DashboardFlags {
  readonly port?: number
  readonly json: boolean
}

/** Shows the records of trainings on a page until it is interrupted. */
export async function dashboard(given: string, { port = 0, json }: DashboardFlags): Promise<void> {
  const { Runs } = await import('../dashboard/runs.js')
  const { DashboardServer } = await import('../dashboard/server.js')
  const server = await DashboardServer.listen(await Runs.open(pathOf('the folder of runs', given)), port, true)
  if (json) printJson({ event: 'listening', address: server.address })
  else note(`dashboard: ${server.address} (Ctrl-C ends it)`)
  await interruptible(async (signal) => {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    await server.close()
  })
}
