import { distributed, isLaunched, telling } from '../distributed.js'
import { configure } from '../engine.js'

/** Does a command's work: where `mpirun` has started several processes, they do it together. */
export async function byRanks(work: () => Promise<void>): Promise<void> {
  if (isLaunched()) configure({ distributed: 'mpi' })
  await telling(distributed(), work)
}
