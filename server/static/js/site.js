// Every page works without this file. With it, forms answer sooner and say so.
// Behaviour is asked for by data attributes; nothing here builds markup from text.

import "./hypertext.js";
import { watchForms } from "./forms.js";
import { watchGestures } from "./gestures.js";
import { tellLocalTimes } from "./times.js";

watchForms(document);
watchGestures(document);
tellLocalTimes(document);
document.addEventListener("htmx:after:swap", () => tellLocalTimes(document));
