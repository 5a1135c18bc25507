// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

/// @title LicenseArt
/// @notice A licence's metadata and picture, as data URIs.
library LicenseArt {
    using Strings for uint256;
    using Strings for address;

    /// @notice What is shown. `collection` is plain (`isPlain`).
    struct Licence {
        string collection;
        uint256 id;
        uint8 tier;
        uint40 boughtAt;
        address user;
        bool transferable;
    }

    /// @notice JSON of the metadata, base64 in a data URI. Tiers and numbers count from 1.
    function uri(Licence memory licence) internal pure returns (string memory) {
        string memory number = licence.id.toString();
        string memory attributes = string.concat(
            _trait("Tier", (uint256(licence.tier) + 1).toString()),
            ",",
            _trait("Status", _status(licence)),
            ",",
            _trait("Transferable", licence.transferable ? "yes" : "not yet"),
            ',{"display_type":"date","trait_type":"Bought","value":',
            uint256(licence.boughtAt).toString(),
            "}"
        );
        string memory json = string.concat(
            '{"name":"',
            licence.collection,
            " #",
            number,
            '","description":"A licence to run a node.","image":"data:image/svg+xml;base64,',
            Base64.encode(bytes(svg(licence))),
            '","attributes":[',
            attributes,
            "]}"
        );
        return string.concat("data:application/json;base64,", Base64.encode(bytes(json)));
    }

    /// @notice The picture. Its hue goes round the circle with the tiers.
    function svg(Licence memory licence) internal pure returns (string memory) {
        string memory hue = ((210 + 47 * uint256(licence.tier)) % 360).toString();
        string memory card = string.concat(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" font-family="ui-monospace,monospace" fill="#fff">',
            '<rect width="400" height="400" rx="24" fill="hsl(',
            hue,
            ',45%,14%)"/><circle cx="320" cy="80" r="150" fill="hsl(',
            hue,
            ',70%,45%)" opacity=".35"/><circle cx="320" cy="80" r="80" fill="hsl(',
            hue,
            ',80%,60%)" opacity=".5"/>'
        );
        return string.concat(
            card,
            _line(64, 20, licence.collection),
            _line(240, 64, string.concat("#", licence.id.toString())),
            _line(300, 20, string.concat("tier ", (uint256(licence.tier) + 1).toString())),
            _line(344, 20, _status(licence)),
            "</svg>"
        );
    }

    /// @notice Whether a text is 1 to 32 letters, digits, spaces, dots and dashes, which JSON and SVG take as they are.
    function isPlain(string memory text) internal pure returns (bool) {
        bytes memory letters = bytes(text);
        if (letters.length == 0 || letters.length > 32) return false;
        for (uint256 i; i < letters.length; ++i) {
            bytes1 letter = letters[i];
            bool plain = (letter >= "a" && letter <= "z") || (letter >= "A" && letter <= "Z")
                || (letter >= "0" && letter <= "9") || letter == " " || letter == "." || letter == "-";
            if (!plain) return false;
        }
        return true;
    }

    function _status(Licence memory licence) private pure returns (string memory) {
        return licence.user == address(0) ? "not delegated" : "delegated";
    }

    function _trait(string memory name, string memory value) private pure returns (string memory) {
        return string.concat('{"trait_type":"', name, '","value":"', value, '"}');
    }

    function _line(uint256 y, uint256 size, string memory text) private pure returns (string memory) {
        return string.concat('<text x="32" y="', y.toString(), '" font-size="', size.toString(), '">', text, "</text>");
    }
}
