file(SHA256 ${IN} hash)
string(SUBSTRING ${hash} 0 16 hash)
file(WRITE ${OUT} ".section .rodata
.global asset_${ID}, asset_${ID}_end, asset_${ID}_etag
.balign 16
asset_${ID}: .incbin \"${IN}\"
asset_${ID}_end: .byte 0
asset_${ID}_etag: .asciz \"\\\"${hash}\\\"\"
.section .note.GNU-stack,\"\",%progbits
")
