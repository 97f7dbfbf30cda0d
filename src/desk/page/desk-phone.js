// The telephone in the browser: one leg for the shift, in the place of a SIP phone.

// Candidates of this machine's own addresses are there at once; the server has one address.
const GATHER_MS = 2_000;

let line = null;
let voice = null;
const sound = new Audio();

/** Whether this browser is the telephone. */
export function up() {
  return line !== null;
}

/** Whether the microphone is off. */
export function muted() {
  return voice !== null && !voice.getAudioTracks()[0]?.enabled;
}

/** Switches the microphone. */
export function mute() {
  for (const track of voice?.getAudioTracks() ?? []) track.enabled = !track.enabled;
}

/** Makes this browser the telephone; gives why not, if it is not. */
export async function join(ask) {
  leave();
  try {
    voice = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true } });
  } catch {
    return { refused: "no_microphone" };
  }
  const made = new RTCPeerConnection();
  for (const track of voice.getTracks()) made.addTrack(track, voice);
  made.ontrack = ({ streams }) => {
    sound.srcObject = streams[0];
    sound.play().catch(() => {});
  };
  made.onconnectionstatechange = () => {
    if (["failed", "closed"].includes(made.connectionState) && line === made) leave();
  };
  // The law of the trunks first: nothing is translated then.
  const { codecs } = RTCRtpReceiver.getCapabilities("audio") ?? { codecs: [] };
  const last = ({ mimeType }) => Number(mimeType !== "audio/PCMA");
  const ordered = [...codecs].sort((one, other) => last(one) - last(other));
  for (const way of made.getTransceivers()) way.setCodecPreferences?.(ordered);
  line = made;
  await made.setLocalDescription();
  await gathered(made);
  const answer = await ask({ do: "offer", sdp: made.localDescription.sdp });
  if (answer.refused) leave();
  else await made.setRemoteDescription({ type: "answer", sdp: answer.done.answer });
  return answer;
}

/** Lets the line and the microphone go. */
export function leave() {
  line?.close();
  for (const track of voice?.getTracks() ?? []) track.stop();
  [line, voice, sound.srcObject] = [null, null, null];
}

function gathered(made) {
  return new Promise((resolve) => {
    setTimeout(resolve, GATHER_MS);
    const look = () => made.iceGatheringState === "complete" && resolve();
    made.addEventListener("icegatheringstatechange", look);
    look();
  });
}
