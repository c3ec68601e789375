// The pages of guests: no hypertext exchange, so a phone receives a tenth of site.js.

import { watchForms } from "./forms.js";
import { watchGestures } from "./gestures.js";
import { tellLocalTimes } from "./times.js";

watchForms(document);
watchGestures(document);
tellLocalTimes(document);
