import { createRequire } from 'node:module'
import { join } from 'node:path'

/** Loads a package of the folder that the peers are installed in, the program's second argument. */
export const peer = createRequire(join(process.argv[3], 'node', 'package.json'))
