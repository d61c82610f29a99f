// Ends in the way that its argument names while a training is under way.
import * as seqloom from 'seqloom'
import { trainForLong } from './longTraining.mjs'

const [, , way] = process.argv
trainForLong(seqloom, () => setTimeout(end, 50))

function end() {
  if (way === 'exit') process.exit(3)
  if (way === 'throw') throw new Error('thrown while training')
  process.kill(process.pid, way)
}
