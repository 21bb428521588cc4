/**
 * Says how far long work has come.
 * @param clock ms
 * @returns takes the packets done and the share of the input that was read (0 to 1, null where nothing tells)
 */
export function createProgress(clock: () => number): (packets: number, share: number | null) => string {
  const start = clock();
  return (packets, share) => {
    const seconds = (clock() - start) / 1000;
    const words = [`${packets.toLocaleString('en')} packets`];
    if (seconds > 0.5) words.push(`${Math.round(packets / seconds).toLocaleString('en')} a second`);
    if (share !== null) words.push(`${Math.floor(share * 100)} %`);
    // Of what has hardly begun nobody can tell how long it takes.
    if (share !== null && seconds > 2 && share > 0.01)
      words.push(`${left((seconds / share) * (1 - share))} left`);
    return words.join(', ');
  };
}

function left(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 100) return `${whole} s`;
  const minutes = Math.ceil(whole / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`;
}
