// Trains with its backup in the folder that it works in, and says where that is in the end.
import { callbacks, layers, sequential } from 'seqloom'

const m = sequential([layers.dense({ units: 1, inputShape: [2] })])
m.compile({ optimizer: 'adam', loss: 'mse' })
await m.fit([[1, 2]], [1], { epochs: 2, callbacks: callbacks.backupAndRestore({ backupDir: '.' }) })
process.stdout.write(process.cwd())
