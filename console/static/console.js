// What every page has: the light and dark switch, times that go on, and the stream of parts.

import { follow } from "./live.js";
import { useLink } from "./sign_in.js";
import { keepTimes } from "./times.js";
import { offerThemes } from "./theme.js";

offerThemes(document.getElementById("theme"));
keepTimes(document);

const { live } = document.body.dataset;
if (live) {
  follow(live, document.getElementById("stream"));
}

const link = document.getElementById("link");
if (link) {
  useLink(link);
}
